// Shows tickets without a connection: those, and only those, that the person has saved on this device.
// Logging out forgets them.

const SAVED = "tickets";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) {
    return;
  }
  if (request.method === "POST" && pathname === "/logout") {
    event.waitUntil(caches.delete(SAVED));
  } else if (request.method === "GET" && /^\/(tickets|assets)(\/|$)/.test(pathname)) {
    event.respondWith(answer(request));
  }
});

/** What the server says; without it, what was saved. */
async function answer(request) {
  const options = { ignoreVary: true };
  try {
    const response = await fetch(request);
    // What was saved is kept fresh; nothing new is saved.
    if (response.ok && !response.redirected && (await caches.has(SAVED))) {
      const saved = await caches.open(SAVED);
      if (await saved.match(request, options)) {
        await saved.put(request, response.clone());
      }
    }
    return response;
  } catch (error) {
    const saved = await caches.match(request, options);
    return saved || Response.error();
  }
}
