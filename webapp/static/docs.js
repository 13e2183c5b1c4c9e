// Shows the API's OpenAPI document with Swagger UI, which its installed package serves.

const place = document.getElementById("api");
window.SwaggerUIBundle({ url: place.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });

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
