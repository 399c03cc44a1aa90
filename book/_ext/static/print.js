// Paper is light, whatever the theme on the screen.

{
  const { dataset } = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => {
    theme ??= dataset.theme;
    dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    dataset.theme = theme;
    theme = undefined;
  });
}
