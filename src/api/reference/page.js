// Shows the gateway's own OpenAPI document. The API key that is entered stays in the memory of this
// page, and nothing is asked of any other host: neither a validator nor another document.
SwaggerUIBundle({
  url: "../openapi.json",
  domNode: document.getElementById("reference"),
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
  deepLinking: true,
  filter: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
});
