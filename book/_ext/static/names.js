// The theme gives some controls a name without the words that they show, so that nobody can call them by these words.

document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
document.querySelectorAll(".theme-switch-button :is([title], title)").forEach((part) => {
  part.removeAttribute("title"); // the icon says Light, the button Color mode
  if (part.matches("title")) part.parentElement.removeAttribute("aria-labelledby"), part.remove();
});
