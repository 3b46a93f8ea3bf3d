// A real OpenID Connect provider for the tests of the gateway: package oidc-provider with its own
// login pages. Whoever logs in under a query string, such as `rnokpp=1&edrpou=2`, has these claims.
//
// `GET /fault/KIND` makes the next tokens wrong in one way, `GET /fault/none` right again. The process
// ends with its standard input.

import { randomUUID } from "node:crypto";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import Provider from "oidc-provider";

const [port, redirect, secret, claimsIn] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const newKey = async (kid) => {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { jwk: { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" }, privateKey, kid };
};
const own = await newKey("own");
const stranger = await newKey("stranger");

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "talon",
      client_secret: secret,
      redirect_uris: [redirect],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  jwks: { keys: [own.jwk] },
  cookies: { keys: [randomUUID()] },
  pkce: { required: () => true },
  scopes: ["openid", "person"],
  claims: { openid: ["sub"], person: ["rnokpp", "unzr", "passport", "edrpou"] },
  // With conformIdTokenClaims the claims are at the user info endpoint only.
  conformIdTokenClaims: claimsIn !== "id-token",
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, ...Object.fromEntries(new URLSearchParams(accountId)) }),
  }),
});

const past = () => Math.floor(Date.now() / 1000) - 3600;
const signed = (claims, { privateKey, kid }) =>
  new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
const unsigned = (claims) =>
  ["eyJhbGciOiJub25lIn0", Buffer.from(JSON.stringify(claims)).toString("base64url"), ""].join(".");
const otherLetter = (text) => (text.startsWith("A") ? "B" : "A") + text.slice(1);

const faults = {
  nonce: (claims) => signed({ ...claims, nonce: "of-another-login" }, own),
  "no-nonce": ({ nonce, ...claims }) => signed(claims, own),
  audience: (claims) => signed({ ...claims, aud: "somebody-else" }, own),
  audiences: (claims) => signed({ ...claims, aud: ["talon", "somebody-else"], azp: "talon" }, own),
  issuer: (claims) => signed({ ...claims, iss: "http://127.0.0.1:1" }, own),
  expired: (claims) => signed({ ...claims, iat: past() - 60, exp: past() }, own),
  "at-hash": (claims) => signed({ ...claims, at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }, own),
  "unknown-key": (claims) => signed(claims, stranger),
  "key-of-the-same-name": (claims) => signed(claims, { ...stranger, kid: own.kid }),
  tampered: (claims, token) => {
    const [head, , signature] = token.split(".");
    const changed = JSON.stringify({ ...claims, rnokpp: "3184710691" });
    return [head, Buffer.from(changed).toString("base64url"), signature].join(".");
  },
  signature: (_, token) => token.replace(/[^.]+$/, otherLetter),
  unsigned,
  "client-secret": (claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret)),
  missing: () => undefined,
};
let fault = "none";

provider.use(async (ctx, next) => {
  const asked = ctx.path.match(/^\/fault\/([a-z-]+)$/)?.[1];
  if (asked) {
    fault = asked;
    ctx.status = asked === "none" || asked in faults ? 204 : 404;
    return;
  }
  await next();
  const token = ctx.path === "/token" && ctx.body?.id_token;
  if (token && fault !== "none") {
    const { id_token, ...body } = ctx.body;
    const wrong = await faults[fault](decodeJwt(token), token);
    ctx.body = wrong === undefined ? body : { ...body, id_token: wrong };
  }
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
