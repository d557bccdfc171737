//! The client on every event loop and in both worker models: against our own server, and against servers and proxies
//! that follow a script.

mod cancel;
mod content;
mod eyeballs;
#[allow(dead_code, reason = "shared with the conformance suite")]
#[path = "../conformance/harness.rs"]
mod harness;
mod pool;
mod proxy;
mod redirect;
mod retry;
#[macro_use]
#[path = "../conformance/scenarios.rs"]
mod scenarios;
mod script;
mod timeout;
mod verbs;
mod wire;

use anyloop_async_std::AsyncStd;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;

scenarios! {
    cancel::a_request_dropped_at_any_point_leaves_nothing_half_used,
    cancel::a_waiter_that_is_dropped_hands_on,
    content::encoded_bodies_are_decoded,
    content::bombs_and_broken_data_are_typed_errors,
    content::cookies_come_and_go,
    eyeballs::a_dead_address_does_not_stop_the_others,
    eyeballs::a_silent_address_is_overtaken,
    eyeballs::all_that_fail_are_named,
    eyeballs::names_are_looked_up,
    pool::connections_are_used_again,
    pool::no_more_connections_than_the_cap,
    pool::idle_connections_are_closed_by_whoever_maintains,
    pool::thousands_at_once_from_one_task,
    proxy::requests_go_through_whole,
    proxy::tunnels_are_asked_for,
    proxy::proxies_that_refuse_are_typed_errors,
    redirect::redirects_are_followed_by_the_rules,
    redirect::credentials_stay_with_their_origin,
    redirect::loops_and_streams_are_typed_errors,
    retry::a_connection_that_ended_meanwhile_is_replaced,
    retry::what_may_have_been_seen_is_sent_again_only_if_idempotent,
    retry::a_new_connection_is_not_tried_twice,
    retry::closing_servers_lose_and_double_nothing,
    timeout::each_phase_has_its_time,
    verbs::each_verb_and_body_arrives,
    verbs::bodies_are_gathered_within_limits,
    verbs::a_body_is_handed_on_as_it_comes,
    verbs::interim_responses_and_tunnels_are_given_out,
    wire::heads_are_as_they_were_given,
    wire::hosts_have_no_default_port,
    wire::what_cannot_be_sent_is_an_error,
}

/// `cargo test --all-features --test client -- --ignored --nocapture`
mod races {
    use super::*;

    const COUNT: usize = 100_000;

    #[test]
    #[ignore = "100,000 requests"]
    fn on_tokio() {
        harness::run_local::<Tokio, _>(|rt| retry::race(rt, COUNT));
    }

    #[test]
    #[ignore = "100,000 requests"]
    fn on_smol() {
        harness::run_local::<Smol, _>(|rt| retry::race(rt, COUNT));
    }

    #[test]
    #[ignore = "100,000 requests"]
    fn on_async_std() {
        harness::run_local::<AsyncStd, _>(|rt| retry::race(rt, COUNT));
    }
}

#[test]
fn a_client_works_outside_of_its_event_loop() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rt = Tokio::from(runtime.handle().clone());
    let url = verbs::hello_server::<Tokio>();
    let text = anyloop_core::driver::block_on(|_: Smol| async {
        anyloop::client::Client::new(rt.clone()).get(&url).send().await?.text().await
    });
    assert_eq!(text.unwrap().unwrap(), "hello");
    drop(runtime);
    let error = anyloop_core::driver::block_on(|_: Smol| async {
        anyloop::client::Client::new(rt).get(&url).send().await.map(drop)
    });
    assert_eq!(error.unwrap().unwrap_err().phase(), anyloop::client::Phase::Connect);
}

/// What a library would write: generic over the runtime, and its futures go to other threads.
#[test]
fn futures_of_requests_are_send() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    fn check<R: anyloop::SharedRuntime>(client: &anyloop::client::Client<R>) {
        is_shared(client);
        is_send(&client.get("http://a/").send());
        is_send(&async { client.get("http://a/").send().await?.text().await });
        is_send(&client.maintain());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    check(&anyloop::client::Client::new(Tokio::from(runtime.handle().clone())));
}
