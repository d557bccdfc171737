//! What every event loop must do alike, in both worker models: the same scenarios for all of them.
//!
//! The other end of a connection is a blocking standard socket on a thread of its own. Where a scenario waits it waits
//! for an event; the only limit in time is the one that turns a hang into a failure.

mod harness;
mod io;
#[macro_use]
mod scenarios;
mod serve;
mod time;

use anyloop_async_std::AsyncStd;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;

scenarios! {
    time::a_timer_fires_not_before_its_last_instant,
    time::a_timer_can_be_set_earlier_while_it_waits,
    time::a_timer_can_be_set_again_after_it_fired,
    time::sleeps_end_in_order,
    time::blocking_work_runs_elsewhere_and_gives_its_value,
    time::a_panic_in_blocking_work_is_a_value,
    io::a_refused_connection_is_an_error,
    io::accepted_connections_know_both_addresses,
    io::unix_sockets_carry_bytes_and_addresses,
    io::connecting_carries_bytes,
    io::a_large_answer_survives_a_slow_reader,
    io::a_large_upload_survives_small_limits,
    io::the_end_of_the_peers_side_leaves_ours_open,
    io::a_reset_is_an_error,
    io::a_waiting_read_reserves_nothing,
}

/// Makes a test of each server scenario for each event loop and worker model.
macro_rules! servers {
    ($($scenario:ident),* $(,)?) => {
        servers!(@backend tokio_serves, Tokio; $($scenario),*);
        servers!(@backend smol_serves, Smol; $($scenario),*);
        servers!(@backend async_std_serves, AsyncStd; $($scenario),*);
    };
    (@backend $name:ident, $backend:ty; $($scenario:ident),*) => {
        mod $name {
            use super::*;
            use anyloop_core::driver::Model;
            $(mod $scenario {
                use super::*;
                #[test] fn per_core() { serve::$scenario::<$backend>(Model::PerCore); }
                #[test] fn stealing() { serve::$scenario::<$backend>(Model::Stealing); }
            })*
        }
    };
}

servers! {
    many_connections_are_echoed,
    what_came_before_the_end_is_echoed,
    unix_connections_are_echoed,
    a_shutdown_ends_connections_and_listeners,
    an_async_function_echoes,
    a_panic_ends_one_connection_only,
}

#[test]
fn tasks_that_are_alive_at_the_end_are_dropped() {
    harness::tasks_are_dropped::<Tokio>();
    harness::tasks_are_dropped::<Smol>();
    harness::tasks_are_dropped::<AsyncStd>();
}

#[test]
fn outside_of_tokio_there_is_no_current_runtime() {
    assert!(matches!(Tokio::current(), Err(anyloop_tokio::NoRuntime)));
}

#[test]
fn parts_of_a_tokio_runtime_can_be_made_outside_of_it() {
    use anyloop_core::driver::{BindOptions, Peer, Runtime, Timer, bind};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rt = Tokio::from(runtime.handle().clone());
    let mut timer = rt.timer();
    timer.reset(rt.now().mono);
    let mut bound = bind(&"127.0.0.1:0".parse().unwrap(), BindOptions::default()).unwrap();
    let mut listener = rt.listen(bound.sockets(1).unwrap().remove(0)).unwrap();
    let Peer::Tcp(address) = *bound.local_addr() else { unreachable!("bound to TCP") };
    let connect = rt.connect(&Peer::Tcp(address));
    runtime.block_on(async {
        std::future::poll_fn(|cx| timer.poll(cx)).await;
        connect.await.unwrap();
        std::future::poll_fn(|cx| rt.poll_accept(&mut listener, cx)).await.unwrap();
        assert!(Tokio::current().is_ok());
    });
}
