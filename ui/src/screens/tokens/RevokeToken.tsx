import { ConfirmDialog } from "../../components/ConfirmDialog.tsx";
import { TokenName } from "./TokenName.tsx";
import { revokeToken, type Token } from "./token.ts";

interface RevokeTokenProps {
  token: Token;
  /** Reads the list again. */
  reload: () => Promise<unknown>;
  onClose: () => void;
}

export function RevokeToken(props: RevokeTokenProps) {
  const revoke = async () => {
    await revokeToken(props.token.id);
    // The dialog gives the focus back when it closes. The button that had it must be gone by then.
    await props.reload();
  };
  return (
    <ConfirmDialog title="Revoke this token?" action="Revoke token" danger act={revoke} onClose={props.onClose}>
      <p>
        No further host can enrol with{" "}
        <strong>
          <TokenName token={props.token} />
        </strong>
        . Agents that have enrolled with it stay.
      </p>
    </ConfirmDialog>
  );
}
