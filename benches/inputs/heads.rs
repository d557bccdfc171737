//! Request and response heads as they are on the wire.

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
pub(crate) const VARIED: [(&str, &str); 10] = [
    (
        "curl",
        "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
    ),
    ("wrk", "GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"),
    (
        "chrome",
        "GET / HTTP/1.1\r\n\
         Host: www.example.com\r\n\
         Connection: keep-alive\r\n\
         sec-ch-ua: \"Chromium\";v=\"130\", \"Google Chrome\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n\
         sec-ch-ua-mobile: ?0\r\n\
         sec-ch-ua-platform: \"Windows\"\r\n\
         DNT: 1\r\n\
         Upgrade-Insecure-Requests: 1\r\n\
         User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
         Sec-Fetch-Site: none\r\n\
         Sec-Fetch-Mode: navigate\r\n\
         Sec-Fetch-User: ?1\r\n\
         Sec-Fetch-Dest: document\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n\
         Cookie: _ga=GA1.1.1847362910.1763112345; consent=necessary%2Cstatistics; sid=s%3A9f8b2c1e7d4a\r\n\r\n",
    ),
    (
        "firefox",
        "GET /assets/app.3f9c2d.js HTTP/1.1\r\n\
         Host: static.example.com\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0\r\n\
         Accept: */*\r\n\
         Accept-Language: en-GB,en;q=0.5\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Referer: https://www.example.com/\r\n\
         Sec-Fetch-Dest: script\r\n\
         Sec-Fetch-Mode: no-cors\r\n\
         Sec-Fetch-Site: same-site\r\n\
         Connection: keep-alive\r\n\
         If-Modified-Since: Sat, 14 Nov 2026 09:30:00 GMT\r\n\
         If-None-Match: W/\"3f9c2d-18c4\"\r\n\
         Priority: u=2\r\n\r\n",
    ),
    (
        "safari",
        "POST /login HTTP/1.1\r\n\
         Host: www.example.com\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Origin: https://www.example.com\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
         User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15\r\n\
         Referer: https://www.example.com/login\r\n\
         Content-Length: 38\r\n\
         Accept-Language: en-GB,en;q=0.9\r\n\
         Accept-Encoding: gzip, deflate, br\r\n\
         Connection: keep-alive\r\n\r\n",
    ),
    (
        "api client",
        "PATCH /v1/projects/4711/tasks/38 HTTP/1.1\r\n\
         host: api.example.com\r\n\
         accept: application/json\r\n\
         authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjQ3MTEifQ.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiI4NzNmMmM5ZSIsImF1ZCI6ImFwaSIsImV4cCI6MTc2MzExNTk5OSwic2NvcGUiOiJ0YXNrczpyZWFkIHRhc2tzOndyaXRlIn0.kq3ZxT7nVb0Yc5tR8uJmVbZaE1hL6sGi2Nf7KpQxW0dYc5tR8uJmVbZaE1hL6sGiPq8vXs1rLw4Tz9BfGh2Jk5Mn7Co0Ie3Uy6At\r\n\
         cookie: session=9f8b2c1e7d4a4b0e8f6d2c1b0a998877; region=eu-central-1; ab=variant-3; locale=en-GB; last=%2Fprojects%2F4711; seen=1763112399\r\n\
         content-type: application/json\r\n\
         content-length: 118\r\n\
         user-agent: tasks/3.4 (linux; x86_64)\r\n\
         x-request-id: 5b0e9c34-61c7-4a58-9d7e-2f1a0c3b4d5e\r\n\r\n",
    ),
    ("health check", "HEAD /health HTTP/1.0\r\nUser-Agent: probe/1.0\r\nConnection: close\r\n\r\n"),
    (
        "git",
        "POST /team/project.git/git-upload-pack HTTP/1.1\r\n\
         Host: git.example.org\r\n\
         User-Agent: git/2.47.0\r\n\
         Accept-Encoding: deflate, gzip, br, zstd\r\n\
         Content-Type: application/x-git-upload-pack-request\r\n\
         Accept: application/x-git-upload-pack-result\r\n\
         Git-Protocol: version=2\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    ),
    (
        "mobile app",
        "GET /api/v3/feed?cursor=eyJpZCI6NDcxMX0%3D&limit=20&include=author,media HTTP/1.1\r\n\
         Host: app.example.com\r\n\
         X-App-Version: 7.12.0 (4410)\r\n\
         X-Device-Id: 3D5A7C1E-0B2F-4E6A-9C8D-1F0E2D3C4B5A\r\n\
         Accept: application/json\r\n\
         Accept-Language: fr-FR;q=1.0, en-FR;q=0.9\r\n\
         Accept-Encoding: br;q=1.0, gzip;q=0.9, deflate;q=0.8\r\n\
         User-Agent: Example/7.12.0 (com.example.app; build:4410; iOS 18.1.0) Alamofire/5.9.1\r\n\
         Authorization: Bearer 2Nf7KpQxW0dYc5tR8uJmVbZaE1hL6sGi\r\n\
         Connection: keep-alive\r\n\r\n",
    ),
    (
        "behind a cdn",
        "GET /shop/product/10937?ref=newsletter HTTP/1.1\r\n\
         Host: shop.example.com\r\n\
         X-Forwarded-For: 203.0.113.7, 198.51.100.4\r\n\
         X-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: shop.example.com\r\n\
         X-Forwarded-Port: 443\r\n\
         X-Real-IP: 203.0.113.7\r\n\
         X-Request-ID: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n\
         X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678\r\n\
         Via: 2.0 5e1c0f6b7d8a9c3e.cdn.example.net (CDN)\r\n\
         CDN-Loop: cdn.example.net\r\n\
         CF-Connecting-IP: 203.0.113.7\r\n\
         CF-IPCountry: DE\r\n\
         CF-Ray: 8e3f1a2b3c4d5e6f-FRA\r\n\
         CF-Visitor: {\"scheme\":\"https\"}\r\n\
         Forwarded: for=203.0.113.7;proto=https;host=shop.example.com\r\n\
         User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
         Accept-Encoding: gzip, br\r\n\
         Accept-Language: de-DE,de;q=0.9\r\n\
         Cache-Control: max-age=0\r\n\
         Upgrade-Insecure-Requests: 1\r\n\
         Sec-Fetch-Site: cross-site\r\n\
         Sec-Fetch-Mode: navigate\r\n\
         Sec-Fetch-Dest: document\r\n\
         Cookie: cart=0; _b=e7c1f0; consent=all\r\n\
         Connection: Keep-Alive\r\n\r\n",
    ),
];
