// What the symbols of a formula mean, on hover, on a tap, or with the keyboard. Without a script: the page on notation.

const meanings = JSON.parse(document.getElementById("meanings")?.textContent ?? "[]");
const hint = Object.assign(document.createElement("div"), { className: "hint", id: "hint", hidden: true });
hint.setAttribute("role", "tooltip");
document.body.append(hint);
let current; // the formula that is explained

async function show(formula) {
  hint.replaceChildren(
    ...formula.dataset.meanings.split(" ").map((number) => {
      const line = document.createElement("p");
      line.innerHTML = meanings[number];
      return line;
    }),
  );
  current = formula;
  hint.hidden = false;
  formula.setAttribute("aria-describedby", "hint");
  place(formula);
  await window.MathJax?.typesetPromise?.([hint]);
  place(formula);
}

// Below the formula, or above it where the window ends
function place(formula) {
  const at = formula.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = hint;
  const room = document.documentElement.clientWidth - width - 8;
  hint.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
  hint.style.top = `${at.bottom + height + 8 < innerHeight ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`;
}

function hide(formula) {
  hint.hidden = true;
  formula.removeAttribute("aria-describedby");
}

for (const formula of document.querySelectorAll(".symbols")) {
  if ("new" in formula.dataset) formula.tabIndex = 0;
  for (const event of ["pointerenter", "focus"]) formula.addEventListener(event, () => show(formula));
  for (const event of ["pointerleave", "blur"]) formula.addEventListener(event, () => hide(formula));
}
addEventListener("keydown", ({ key }) => key === "Escape" && (hint.hidden = true));
// the keyboard scrolls to what it reaches, a pointer away from it
addEventListener(
  "scroll",
  () => (current === document.activeElement ? place(current) : (hint.hidden = true)),
  { passive: true },
);
