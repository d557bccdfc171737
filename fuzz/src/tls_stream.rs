//! A client and a server over TLS, and a network that does what the input says: it cuts, drops, changes and invents bytes.
//!
//! The input is a list of steps of two bytes: what, and how much. Laws: nothing but what one side sent is ever received by
//! the other, in order and from the first byte on; the end is clean only when all of it came; no buffer grows beyond its
//! bound; who failed stays failed. And the input as it is, given to a server, means the same however it is cut.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use anyloop_core::link::{DEFAULT_HIGH_WATER, Link};
use anyloop_core::protocol::{Eof, Lost, Protocol, Work};
use anyloop_core::time::Now;
use anyloop_core::tls::danger::AnyServer;
use anyloop_core::tls::rustls::pki_types::pem::PemObject;
use anyloop_core::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use anyloop_core::tls::rustls::{ClientConfig, ServerConfig, version};
use anyloop_core::tls::{Identity, MAX_MESSAGE, Ready, ServerTls, Tls, ring_provider};

use super::partitions;

const CERTIFICATE: &[u8] = include_bytes!("../../core/tests/fixtures/tls/ec.pem");
const KEY: &[u8] = include_bytes!("../../core/tests/fixtures/tls/ec.pkcs8.key");
/// The most plaintext and protection of one record.
const RECORD: usize = 16 * 1024 + 64;
/// How many bytes one step writes, for each of its second byte.
const UNIT: usize = 300;

/// What one side did and saw.
#[derive(Debug, Default)]
struct Inside {
    to_send: usize,
    sent: usize,
    received: usize,
    reads: bool,
    closes: bool,
    eof: Option<Eof>,
    lost: usize,
}

/// Sends a pattern that begins anew every 251 bytes, and checks what it gets.
#[derive(Clone, Debug)]
struct Side(Rc<RefCell<Inside>>);

impl Side {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(Inside { reads: true, ..Inside::default() })))
    }

    fn take(&self, link: &mut Link) {
        let mut inside = self.0.borrow_mut();
        assert!(link.inbound.len() <= 16 * 1024 + RECORD, "the plain side holds {}", link.inbound.len());
        if !inside.reads {
            return;
        }
        for byte in link.inbound.split() {
            assert_eq!(usize::from(byte), inside.received % 251, "a byte that was not sent");
            inside.received += 1;
        }
    }
}

impl Protocol for Side {
    type Error = Infallible;

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        self.take(link);
        Ok(())
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Infallible> {
        self.take(link);
        assert!(self.0.borrow_mut().eof.replace(how).is_none(), "two ends");
        Ok(())
    }

    fn poll_work(&mut self, _: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        self.take(link);
        let mut inside = self.0.borrow_mut();
        while inside.to_send > 0 && link.can_write() {
            let n = inside.to_send.min(5_000);
            let from = inside.sent;
            let bytes: Vec<u8> = (from..from + n).map(|at| (at % 251) as u8).collect();
            link.write(bytes);
            inside.sent += n;
            inside.to_send -= n;
        }
        if inside.closes && inside.to_send == 0 {
            link.close();
        }
        Ok(Work::Waiting)
    }

    fn shutdown(&mut self, _: &mut Link) {
        self.0.borrow_mut().closes = true;
    }

    fn connection_lost(&mut self, _: Lost) {
        self.0.borrow_mut().lost += 1;
    }
}

/// One end, with a driver's manners.
struct End {
    tls: Tls<Ready<Side>>,
    link: Link,
    inside: Side,
    failed: bool,
    told_eof: bool,
}

impl End {
    fn new(make: impl FnOnce(Ready<Side>) -> Tls<Ready<Side>>) -> Self {
        let inside = Side::new();
        let mut tls = make(Ready(inside.clone()));
        let mut link = Link::new(Now::default());
        let failed = tls.connection_made(&mut link).is_err();
        let mut end = Self { tls, link, inside, failed, told_eof: false };
        end.work();
        end
    }

    fn is_open(&self) -> bool {
        !self.failed && !self.link.is_closing()
    }

    fn work(&mut self) {
        for _ in 0..10_000 {
            if !self.is_open() {
                return;
            }
            let look = |link: &Link| (link.inbound.len(), link.outbound.len(), link.wants_read());
            let before = look(&self.link);
            let work = self.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link);
            assert!(self.link.inbound.len() <= MAX_MESSAGE, "{} bytes wait", self.link.inbound.len());
            let most = DEFAULT_HIGH_WATER + 2 * RECORD;
            assert!(self.link.outbound.len() <= most, "{} bytes are to leave", self.link.outbound.len());
            match work {
                Ok(Work::Waiting) if look(&self.link) == before => return,
                Ok(Work::Waiting | Work::Again) => {}
                Err(_) => {
                    self.failed = true;
                    let again = self.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link);
                    assert!(again.is_err(), "a failed machine went on");
                }
            }
        }
        panic!("it moves for ever");
    }

    fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.is_open() && !self.told_eof && taken < bytes.len() && self.link.wants_read() {
            let n = self.link.inbound_room().min(bytes.len() - taken);
            self.link.inbound.extend_from_slice(&bytes[taken..taken + n]);
            taken += n;
            self.failed |= self.tls.data_received(&mut self.link).is_err();
            self.work();
        }
        taken
    }

    fn eof(&mut self) {
        if self.is_open() && !self.told_eof {
            self.told_eof = true;
            self.failed |= self.tls.eof_received(&mut self.link, Eof::Clean).is_err();
            self.work();
        }
    }

    fn pass(&mut self, time: Duration) {
        self.link.set_now(Now { mono: self.link.now().mono + time, unix_secs: 0 });
        self.work();
        if self.is_open() && self.link.take_due() {
            self.failed |= self.tls.deadline_reached(&mut self.link).is_err();
            self.work();
        }
    }

    fn drain(&mut self, n: usize) -> Vec<u8> {
        let bytes: Vec<u8> = self.link.outbound.slices().flatten().copied().take(n).collect();
        self.link.outbound.advance(bytes.len());
        bytes
    }
}

fn server_config() -> &'static ServerConfig {
    static CONFIG: OnceLock<ServerConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let provider = ring_provider();
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
        let identity = Identity::new(vec![certificate], key, &provider).expect("an identity");
        ServerTls::new(provider, [identity]).config().expect("a configuration")
    })
}

fn client_config(tls12: bool) -> Arc<ClientConfig> {
    static CONFIGS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();
    let make = |version| {
        let config = ClientConfig::builder_with_provider(ring_provider())
            .with_protocol_versions(&[version])
            .expect("a version")
            .dangerous()
            .with_custom_certificate_verifier(AnyServer::verifier(&ring_provider()))
            .with_no_client_auth();
        Arc::new(config)
    };
    Arc::clone(&CONFIGS.get_or_init(|| [make(&version::TLS13), make(&version::TLS12)])[usize::from(tls12)])
}

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let Some((first, steps)) = data.split_first() else { return };
    let whole: Vec<_> = partitions(data)
        .into_iter()
        .map(|parts| {
            let mut server = End::new(|inside| Tls::server(server_config(), inside));
            parts.into_iter().for_each(|part| {
                server.feed(part);
            });
            server.failed
        })
        .collect();
    assert!(whole.iter().all(|failed| *failed == whole[0]), "the cut of the input counts");
    converse(first & 1 == 1, steps);
}

fn converse(tls12: bool, steps: &[u8]) {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut ends = [
        End::new(|inside| Tls::server(server_config(), inside)),
        End::new(|inside| Tls::client(client_config(tls12), name, inside)),
    ];
    let mut honest = true;
    for step in steps.chunks_exact(2).take(200) {
        let (who, amount) = (usize::from(step[0] & 1), usize::from(step[1]));
        let other = 1 - who;
        match step[0] >> 1 & 15 {
            0..=4 => carry(&mut ends, who, if amount == 255 { usize::MAX } else { amount * 7 }),
            5 | 6 => {
                let mut inside = ends[who].inside.0.borrow_mut();
                if !inside.closes {
                    inside.to_send += amount * UNIT;
                }
            }
            7 => ends[who].inside.0.borrow_mut().reads ^= true,
            8 => ends[who].inside.0.borrow_mut().closes = true,
            9 => ends[who].eof(),
            10 => ends[who].pass(Duration::from_millis(amount as u64 * 100)),
            11 => ends[who].tls.shutdown(&mut ends[who].link),
            12 => {
                honest = false;
                let mut bytes = ends[who].drain(amount + 1);
                if let Some(last) = bytes.last_mut() {
                    *last ^= step[1] | 1;
                }
                ends[other].feed(&bytes);
            }
            13 => {
                honest = false;
                ends[who].drain(amount + 1);
            }
            14 => {
                honest = false;
                ends[other].feed(&[step[1]; 3]);
            }
            _ => {
                honest = false;
                ends[other].feed(&[&[0x15 + step[1] % 4, 3, 3, 0, 2][..], &step[..2]].concat());
            }
        }
        ends.iter_mut().for_each(End::work);
        for (who, end) in ends.iter().enumerate() {
            let (here, there) = (end.inside.0.borrow(), ends[1 - who].inside.0.borrow());
            assert!(here.received <= there.sent, "more was received than sent");
            if here.eof == Some(Eof::Clean) && here.reads && end.is_open() {
                assert!(there.closes && here.received == there.sent, "a clean end before the end");
            }
            assert!(
                !honest || !end.failed || ends[1 - who].told_eof || end.told_eof || late(&ends),
                "it failed by itself"
            );
        }
    }
    for end in &mut ends {
        end.tls.connection_lost(Lost::Killed);
        end.tls.connection_lost(Lost::Killed);
        assert_eq!(end.inside.0.borrow().lost, 1, "the loss is told once");
    }
}

/// Whether a handshake may have run out of time.
fn late(ends: &[End; 2]) -> bool {
    ends.iter().any(|end| end.link.now().mono.as_nanos() >= Duration::from_secs(10).as_nanos() as u64)
}

fn carry(ends: &mut [End; 2], from: usize, n: usize) {
    let bytes: Vec<u8> = ends[from].link.outbound.slices().flatten().copied().take(n).collect();
    let taken = ends[1 - from].feed(&bytes);
    ends[from].link.outbound.advance(taken);
}
