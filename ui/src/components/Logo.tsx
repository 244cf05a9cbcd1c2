import "./Logo.css";

/** The product's mark and name. */
export function Logo() {
  return (
    <span class="logo">
      <svg class="logo-mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M10 10.5h12L10 21.5h12" />
      </svg>
      ZedOps
    </span>
  );
}
