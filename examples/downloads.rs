//! Downloads many addresses at once in one task, and works on what came on all cores.
//!
//! `cargo run --example downloads -- [--backend tokio|smol|async-std] URL…`

mod common;

use std::collections::BTreeMap;
use std::io;

use anyloop::SharedRuntime;
use anyloop::client::{Client, Error, Gather};
use anyloop::core::driver::block_on;

/// How many downloads are under way at once.
const AT_ONCE: usize = 64;

/// Gives a line for each address as it is done, and a summary.
async fn downloads<R: SharedRuntime>(rt: R, urls: Vec<String>, mut print: impl FnMut(String)) {
    let client = Client::new(rt.clone());
    let mut all = Gather::new(AT_ONCE, urls.iter().map(|url| download(&rt, &client, url)));
    let (mut done, mut failed) = (0, 0);
    while let Some((index, result)) = all.next().await {
        match result {
            Ok(report) => {
                done += 1;
                print(format!("{}: {report}", urls[index]));
            }
            Err(error) => {
                failed += 1;
                print(format!("failed: {error}"));
            }
        }
    }
    print(format!("downloaded: {done}, failed: {failed}"));
}

async fn download<R: SharedRuntime>(rt: &R, client: &Client<R>, url: &str) -> Result<String, Error> {
    let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
    // Work of this kind would hold up the event loop: the runtime has threads for it.
    let report = rt.unblock(move || most_frequent_byte(&body)).await;
    Ok(report.unwrap_or_else(|panicked| panicked.to_string()))
}

fn most_frequent_byte(body: &[u8]) -> String {
    let mut counts = BTreeMap::new();
    for byte in body {
        *counts.entry(byte).or_insert(0_u64) += 1;
    }
    match counts.into_iter().max_by_key(|(_, count)| *count) {
        Some((byte, count)) => format!("{} bytes, {count} of them {:?}", body.len(), char::from(*byte)),
        None => "nothing".into(),
    }
}

fn main() -> io::Result<()> {
    let args = common::args()?;
    common::on_backend!(args.backend, R => {
        block_on(|rt: R| downloads(rt, args.words, |line| println!("{line}")))
    })
}
