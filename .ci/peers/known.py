"""Disagreements that are the peer's: {(payload, peer): reason}."""

TUNNEL = "it takes what follows for a tunnel or another protocol, though the application has refused it"

KNOWN = {
    ("request line: version 1.0 kept alive", "h11"): "it keeps no HTTP/1.0 connection alive",
    ("request line: method in lower case", "aio-py"): "it writes methods in upper case; methods are case-sensitive",
    ("body: request behind CONNECT", "aio-py"): TUNNEL,
    ("body: upgrade", "aiohttp"): TUNNEL,
    ("body: upgrade of a length", "aiohttp"): TUNNEL,
    ("body: upgrade to h2c", "aiohttp"): TUNNEL,
}
