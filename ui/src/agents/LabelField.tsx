import { createUniqueId, type JSX } from "solid-js";
import { LabelSuggestions } from "./LabelSuggestions.tsx";
import "./LabelField.css";

interface LabelFieldProps {
  title: string;
  /** What is typed and what becomes of it, in brackets. */
  hint: string;
  typed: string;
  onType: (typed: string) => void;
  /** Whether keys alone are suggested too. */
  withKeys?: boolean;
  /** What is wrong with what is typed. */
  fault: string | undefined;
  onKeyDown?: (event: KeyboardEvent) => void;
  /** Adds what is typed. */
  button: JSX.Element;
  /** What stands between the field and its fault. */
  children?: JSX.Element;
  ref: (field: HTMLInputElement) => void;
}

/** A field in which a label is typed, with those that agents have as suggestions. */
export function LabelField(props: LabelFieldProps) {
  const id = createUniqueId();
  return (
    <>
      <label for={id}>
        {props.title} <span class="muted">({props.hint})</span>
      </label>
      <div class="label-field">
        <input
          id={id}
          ref={props.ref}
          type="text"
          dir="auto"
          list={`${id}-known`}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder="env=prod"
          value={props.typed}
          onInput={(event) => props.onType(event.currentTarget.value)}
          onKeyDown={(event) => props.onKeyDown?.(event)}
          aria-invalid={props.fault !== undefined}
          aria-describedby={`${id}-problem`}
        />
        <LabelSuggestions id={`${id}-known`} typed={props.typed} withKeys={props.withKeys ?? false} />
        {props.button}
      </div>
      {props.children}
      <p class="problem" id={`${id}-problem`} role="alert">
        {props.fault}
      </p>
    </>
  );
}
