// Starts whichever of the two readers of the API document this page has loaded.
"use strict";
const documentUrl = "/api/openapi.json";
if (window.SwaggerUIBundle) {
  window.SwaggerUIBundle({
    url: documentUrl,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "none",
    // Nothing is sent to a validator elsewhere, and no token outlives the page.
    validatorUrl: null,
    persistAuthorization: false,
  });
} else if (window.Redoc) {
  window.Redoc.init(
    documentUrl,
    { disableGoogleFont: true, hideDownloadButton: false, disableSearch: true },
    document.getElementById("redoc"),
  );
}
