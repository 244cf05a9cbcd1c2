import { z } from "zod";
import { UserError } from "../stack/user-error.ts";
import type { Terminal } from "./terminal.ts";
import { runWrangler, WranglerError } from "./wrangler.ts";

export interface Account {
  readonly id: string;
  readonly name: string;
}

const WhoAmI = z.object({ accounts: z.array(z.object({ id: z.string(), name: z.string() })) });

const HOW_TO_LOG_IN =
  "run: npx wrangler login\n" +
  "on a machine without a browser, set CLOUDFLARE_API_TOKEN to a token with the permissions " +
  "Account › Workers Scripts › Edit and Account › D1 › Edit (https://dash.cloudflare.com/profile/api-tokens)";

/** The account to work in: CLOUDFLARE_ACCOUNT_ID, or the only one that the log-in reaches. */
export async function findAccount(terminal: Terminal): Promise<Account> {
  const { accounts } = await whoAmI(terminal);
  const wanted = terminal.env.CLOUDFLARE_ACCOUNT_ID;
  if (wanted) {
    const found = accounts.find(({ id }) => id === wanted);
    if (found !== undefined) return found;
    // A token for one account may not be allowed to list it.
    if (accounts.length === 0) return { id: wanted, name: wanted };
    throw new UserError(
      `this log-in does not reach the account ${wanted} of CLOUDFLARE_ACCOUNT_ID; it reaches ${list(accounts)}`,
    );
  }
  const [only, ...others] = accounts;
  if (only === undefined) throw new UserError("this log-in reaches no account; set CLOUDFLARE_ACCOUNT_ID");
  if (others.length > 0) {
    throw new UserError(`this log-in reaches several accounts; set CLOUDFLARE_ACCOUNT_ID to one of ${list(accounts)}`);
  }
  return only;
}

async function whoAmI(terminal: Terminal): Promise<z.infer<typeof WhoAmI>> {
  try {
    return WhoAmI.parse(JSON.parse(await runWrangler(terminal, ["whoami", "--json"])));
  } catch (error) {
    if (error instanceof WranglerError && /"loggedIn": ?false/.test(error.message))
      throw new UserError(`not logged in to Cloudflare; ${HOW_TO_LOG_IN}`);
    throw error;
  }
}

function list(accounts: readonly Account[]): string {
  return accounts.map(({ id, name }) => `${id} (${name})`).join(", ");
}
