//! What stands between two that speak over TCP, agent and coordinator or engine and registry, when their link is to be cut:
//! it hands on what both say, until it does not.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a silent link looks whether it may speak again.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A link. It ends with this program.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whoever comes is sent away.
    is_cut: AtomicBool,
    /// Nothing is delivered.
    is_silent: AtomicBool,
    /// Directions in which something was said since that was not delivered.
    withheld: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// Stands before a coordinator, or another server.
    pub fn open(coordinator: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of the loopback network is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for agent in listener.incoming().flatten() {
                // A coordinator that does not listen yet: the agent dials again.
                let _ = of_thread.accept(agent, coordinator);
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all that is open, and lets nobody in until it is mended.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        for stream in self.shared.open().drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Delivers nothing until it is mended, and closes nothing.
    pub fn silence(&self) {
        self.shared.is_silent.store(true, Ordering::SeqCst);
    }

    /// Whether somebody waits for what is not delivered.
    pub fn waits(&self) -> bool {
        self.shared.is_silent.load(Ordering::SeqCst) && self.shared.withheld.load(Ordering::SeqCst) > 0
    }

    /// Lets everybody in, and delivers.
    pub fn mend(&self) {
        self.shared.is_cut.store(false, Ordering::SeqCst);
        self.shared.is_silent.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, agent: TcpStream, coordinator: SocketAddr) -> io::Result<()> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let other = TcpStream::connect(coordinator)?;
        let mut open = self.open();
        if self.is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        open.extend([agent.try_clone()?, other.try_clone()?]);
        drop(open);
        for (from, to) in [(agent.try_clone()?, other.try_clone()?), (other, agent)] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.hand_on(from, to));
        }
        Ok(())
    }

    fn hand_on(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if self.is_silent.load(Ordering::SeqCst) {
                self.withheld.fetch_add(1, Ordering::SeqCst);
                while self.is_silent.load(Ordering::SeqCst) {
                    thread::sleep(LOOK_INTERVAL);
                }
                self.withheld.fetch_sub(1, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        // The other direction ends too: a half of a link is none.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
        address
    }

    fn ask(stream: &mut TcpStream) -> io::Result<u8> {
        let mut byte = [7];
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[test]
    fn a_cut_link_closes_and_a_silent_one_only_waits() {
        let link = Link::open(echo());
        let mut stream = TcpStream::connect(link.address()).unwrap();
        assert_eq!(ask(&mut stream).unwrap(), 7);
        link.silence();
        thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&mut stream).unwrap());
            thread::sleep(Duration::from_millis(200));
            assert!(!asked.is_finished(), "it waits");
            link.mend();
            assert_eq!(asked.join().unwrap(), 7);
        });
        link.cut();
        assert!(ask(&mut stream).is_err());
        assert!(TcpStream::connect(link.address()).is_ok_and(|mut stream| ask(&mut stream).is_err()));
        link.mend();
        assert_eq!(ask(&mut TcpStream::connect(link.address()).unwrap()).unwrap(), 7);
    }
}
