// What was measured that spoke for an output or against it, in sentences with calipers' numbers.

const DIGITS = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
const BEFORE_UNIT = /(?<=\d) (?=m[sV]|м[сВ])/g; // where no line breaks

export function fillSigns(section, list, signs, words) {
  const language = document.documentElement.lang; // decimal commas in Russian, as in the sentences
  const known = signs ?? []; // of evidence that an earlier version gathered there are none
  section.hidden = known.length === 0;
  list.replaceChildren(
    ...known.map((sign) => {
      const item = document.createElement("li");
      item.className = sign.value > 0 ? "sign-for" : "sign-against";
      const side = document.createElement("strong");
      side.textContent = sign.value > 0 ? words.sign_for : words.sign_against;
      const text = document.createElement("span");
      text.textContent = (sign.translation ?? sign.text).replace(BEFORE_UNIT, "\u00a0");
      if (!sign.translation) text.lang = "en"; // as it is stored
      const value = document.createElement("span");
      value.className = "muted";
      value.textContent = `${sign.value > 0 ? "+" : "\u2212"}${Math.abs(sign.value).toLocaleString(language, DIGITS)}`;
      item.append(side, ": ", text, " ", value);
      return item;
    }),
  );
}
