// What was measured that spoke for an output or against it, in sentences with calipers' numbers.

export function fillSigns(section, list, signs, words) {
  const known = signs ?? []; // of evidence that an earlier version gathered there are none
  section.hidden = known.length === 0;
  list.replaceChildren(
    ...known.map((sign) => {
      const item = document.createElement("li");
      item.className = sign.value > 0 ? "sign-for" : "sign-against";
      const side = document.createElement("strong");
      side.textContent = sign.value > 0 ? words.sign_for : words.sign_against;
      const text = document.createElement("span");
      text.lang = "en"; // the sentences are not translated yet
      text.textContent = sign.text;
      const value = document.createElement("span");
      value.className = "muted";
      value.textContent = `${sign.value > 0 ? "+" : "\u2212"}${Math.abs(sign.value).toFixed(2)}`;
      item.append(side, ": ", text, " ", value);
      return item;
    }),
  );
}
