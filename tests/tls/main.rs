//! TLS over sockets, on every backend: our server and our client, each against the other and against rustls's own blocking
//! connection.

#[path = "../../core/tests/tls/authority.rs"]
mod authority;
mod client;
#[allow(dead_code, reason = "shared with the conformance suite")]
#[path = "../conformance/harness.rs"]
mod harness;
mod origin;
mod resting;
#[macro_use]
#[path = "../conformance/scenarios.rs"]
mod scenarios;
mod server;

use anyloop_async_std::AsyncStd;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;

scenarios! {
    resting::what_tls_says_on_a_resting_connection_is_taken,
    resting::a_resting_connection_that_ended_or_spoke_is_replaced,
    resting::a_body_up_to_the_end_is_whole_only_with_a_notice,
    resting::a_handshake_that_breaks_leaves_the_request_unsent,
}
