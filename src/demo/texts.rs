//! Words of the shop: what it sells, who visits, and the odd things that people type.

/// What can be bought: number and name.
pub(crate) const PRODUCTS: [(&str, &str); 10] = [
    ("SKU-1001", "Field notebook, dotted"),
    ("SKU-1002", "Brass fountain pen"),
    ("SKU-1017", "Enamel mug 350 ml"),
    ("SKU-1044", "Wool blanket, grey"),
    ("SKU-1058", "Cast-iron pan 26 cm"),
    ("SKU-2003", "Desk lamp \"Belvédère\""),
    ("SKU-2011", "Oak shelf 80 × 20 cm"),
    ("SKU-2040", "Linen apron"),
    ("SKU-3005", "Espresso tamper 58 mm"),
    ("SKU-3019", "Ceramic planter, 2 l"),
];

/// What browsers and others call themselves.
pub(crate) const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.14.1",
];

/// What people search for; some of it is not meant well.
pub(crate) const SEARCHES: [&str; 9] = [
    "mug",
    "fountain pen",
    "blanket wool grey",
    "lamp",
    "pan 26cm",
    "café crème",
    "<script>alert('search')</script>",
    "' OR 1=1 --",
    "מנורת שולחן",
];

/// What people write about products: text that a page must show and never obey.
pub(crate) const REVIEWS: [&str; 8] = [
    "Lovely pen, arrived in two days.",
    "The mug chipped after a week :-(",
    "<img src=x onerror=\"alert('review')\"> five stars",
    "<b>bold</b> claim & \"quotes\" 'everywhere' <!-- unfinished",
    "\u{1b}[31mred\u{1b}[0m and \u{1b}[1mbold\u{1b}[0m from a terminal",
    "\u{202e}txet desrever\u{202c} and then ordinary text",
    "שלום, המנורה יפה מאוד! مرحبا، المصباح جميل",
    "👩🏽‍🚀 10/10 would order again 🚀🚀🚀 — naïve façade, Ωμέγα, 日本語のレビュー",
];

/// What a payment that timed out leaves in the log.
pub(crate) const TIMEOUT_STACK: &str = "\
java.net.http.HttpTimeoutException: request timed out
\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:960)
\tat java.net.http/jdk.internal.net.http.HttpClientFacade.send(HttpClientFacade.java:133)
\tat shop.payment.gateway.PaygateClient.charge(PaygateClient.java:88)
\tat shop.payment.ChargeService.attempt(ChargeService.java:54)
\tat shop.payment.ChargeController.post(ChargeController.java:31)
Caused by: java.net.http.HttpConnectTimeoutException: HTTP connect timed out
\tat java.net.http/jdk.internal.net.http.ResponseTimerEvent.handle(ResponseTimerEvent.java:68)";

/// What a cart without memory leaves in the log.
pub(crate) const OUT_OF_MEMORY: &str = "\
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----
 1: 0xb8d0a3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]
 2: 0xf06b20 v8::Utils::ReportOOMFailure(v8::internal::Isolate*, char const*) [node]
 3: 0x1118cb5 v8::internal::Heap::FatalProcessOutOfMemory(char const*) [node]";
