// Shows the API's OpenAPI document with Swagger UI, which its installed package serves.

const place = document.getElementById("api");
window.SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: false, // its links would lie inside buttons
  syntaxHighlight: { activated: false }, // its colours are those of one theme
  validatorUrl: null,
});

// What it leaves out for keyboards and screen readers, put in whenever it draws something.
function complete() {
  for (const block of place.querySelectorAll("pre:not([tabindex])")) block.tabIndex = 0; // long ones scroll
  for (const button of place.querySelectorAll(".copy-to-clipboard button:empty")) button.ariaLabel = place.dataset.copy;
  for (const table of place.querySelectorAll("table[role=region]")) table.removeAttribute("role");
  for (const field of place.querySelectorAll(":is(input, select, textarea):not([aria-label])")) {
    const row = field.closest("tr");
    const name = row?.querySelector(".parameter__name")?.firstChild?.textContent || field.placeholder || field.className;
    if (name && !field.labels?.length) field.setAttribute("aria-label", name);
  }
}

new MutationObserver(complete).observe(place, { childList: true, subtree: true });

// Swagger UI speaks English alone: its own words are replaced as it draws them.
const words = JSON.parse(document.getElementById("words").textContent);

function translate(node) {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const said = words[text.nodeValue.trim()];
    if (said && !text.parentElement.closest("pre, code, textarea, .parameter__name, .prop-name")) {
      text.nodeValue = text.nodeValue.replace(text.nodeValue.trim(), said);
    }
  }
}

if (Object.keys(words).length) {
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) translate(node);
  }).observe(place, { childList: true, subtree: true });
}
