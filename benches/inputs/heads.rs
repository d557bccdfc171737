//! Request heads as clients send them.

/// The least that is valid.
pub(crate) const TINY: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a browser sends for a page.
pub(crate) const BROWSER: &str = "GET /articles/2026/11/async-without-a-loop?page=2&sort=newest HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/articles\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Cookie: session=9f8b2c1e7d; theme=dark\r\n\
    \r\n";

/// Ten heads of different clients and purposes.
pub(crate) const VARIED: [&str; 10] = [
    TINY,
    BROWSER,
    // A command-line client.
    "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
    // An upload of unknown length.
    "POST /echo HTTP/1.1\r\nHost: upload.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
     Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\nExpect: 100-continue\r\n\r\n",
    // A call of an interface.
    "PATCH /v1/projects/4711/tasks/38 HTTP/1.1\r\nHost: api.example.com\r\naccept: application/json\r\n\
     authorization: Bearer 2Nf7KpQxW0dYc5tR8uJmVbZaE1hL6sGi\r\ncontent-type: application/json\r\n\
     content-length: 118\r\nuser-agent: tasks/3.4 (linux; x86_64)\r\nx-request-id: 5b0e9c34-61c7-4a58\r\n\r\n",
    // A form.
    "POST /login HTTP/1.1\r\nHost: www.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Content-Length: 38\r\nOrigin: https://www.example.com\r\nReferer: https://www.example.com/login\r\n\
     Accept: text/html\r\nConnection: keep-alive\r\n\r\n",
    // A resumed download through a proxy.
    "GET http://mirror.example.org/images/disk-12.4.iso HTTP/1.1\r\nHost: mirror.example.org\r\n\
     Range: bytes=1048576-\r\nIf-Range: \"7f3a-5e2b\"\r\nVia: 1.1 cache.example.net\r\nAccept-Encoding: identity\r\n\r\n",
    // A probe of a load balancer.
    "HEAD /health HTTP/1.0\r\nUser-Agent: probe/1.0\r\nConnection: close\r\n\r\n",
    // A WebSocket handshake.
    "GET /live HTTP/1.1\r\nHost: chat.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\
     Origin: https://chat.example.com\r\n\r\n",
    // A conditional request for a part of a page, behind two proxies, with many cookies.
    "GET /assets/app.3f9c2d.js HTTP/1.1\r\nHost: static.example.com\r\nX-Forwarded-For: 203.0.113.7, 198.51.100.4\r\n\
     X-Forwarded-Proto: https\r\nIf-None-Match: W/\"3f9c2d-18c4\"\r\nIf-Modified-Since: Sat, 14 Nov 2026 09:30:00 GMT\r\n\
     Accept: */*\r\nAccept-Encoding: gzip, br\r\n\
     Cookie: _a=GA1.2.1847362910.1763112345; _b=e7c1f0; consent=necessary%2Cstatistics; ab=variant-3; \
     locale=en-GB; cart=0; last=%2Farticles%2F2026%2F11; seen=1763112399\r\n\r\n",
];
