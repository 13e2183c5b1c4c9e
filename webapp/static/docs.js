// Shows the API's OpenAPI document with Swagger UI, which its installed package serves.

const place = document.getElementById("api");
window.SwaggerUIBundle({ url: place.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });
