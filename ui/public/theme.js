// Not a module, so that it runs before the first paint. The settings write the choice; `storage` tells of it in every tab.
function applyTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // The browser keeps nothing for this page: the system's theme.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
addEventListener("storage", applyTheme);
applyTheme();
