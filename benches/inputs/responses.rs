//! Response heads as servers send them.

/// Four heads of different servers and purposes.
pub(crate) const RESPONSES: [(&str, &str); 4] = [
    ("least", "HTTP/1.1 204 No Content\r\n\r\n"),
    (
        "plain text",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\ndate: Sat, 14 Nov 2026 09:30:00 GMT\r\n\r\n",
    ),
    (
        "web page",
        "HTTP/1.1 200 OK\r\n\
         Server: nginx/1.27.2\r\n\
         Date: Sat, 14 Nov 2026 09:30:00 GMT\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\n\
         Connection: keep-alive\r\n\
         Vary: Accept-Encoding\r\n\
         Cache-Control: private, no-cache, no-store, max-age=0\r\n\
         Set-Cookie: session=9f8b2c1e7d4a; Path=/; HttpOnly; SameSite=Lax\r\n\
         Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n\
         Content-Security-Policy: default-src 'self'; img-src 'self' data:; frame-ancestors 'none'\r\n\
         X-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\n\
         Content-Encoding: gzip\r\n\r\n",
    ),
    (
        "from a cdn",
        "HTTP/1.1 304 Not Modified\r\n\
         Age: 68124\r\n\
         Cache-Control: public, max-age=31536000, immutable\r\n\
         Date: Sat, 14 Nov 2026 09:30:00 GMT\r\n\
         ETag: \"3f9c2d-18c4\"\r\n\
         Last-Modified: Fri, 13 Nov 2026 14:02:11 GMT\r\n\
         Via: 1.1 varnish, 1.1 5e1c0f6b.cdn.example.net (CDN)\r\n\
         X-Cache: HIT\r\n\
         X-Served-By: cache-fra-eddf8230080-FRA\r\n\r\n",
    ),
];
