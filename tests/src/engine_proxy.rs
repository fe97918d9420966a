//! A proxy on the engine's socket that can be told to misbehave: to take calls and never answer them, to answer with an
//! error, to break streams off. What it is not told about, it passes on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Failed>;

/// How long the proxy's last tasks may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// What happens to calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Method and path without the version, `POST /containers/*/start`; a `*` stands for one part of a path, or for the
    /// rest of it at the end. `*` alone is every call.
    pub calls: String,
    /// What.
    pub effect: Effect,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is taken and never answered; streams that are open say nothing more.
    Stall,
    /// It is answered with this status, and the engine never hears of it.
    Answer(u16),
}

/// What the proxy is told, and what it has done.
#[derive(Debug, Clone, Default)]
struct Orders {
    faults: Vec<Fault>,
    /// Streams that were open when this was raised are broken off.
    cuts: u64,
}

/// A proxy on an engine's socket.
#[derive(Debug)]
pub struct EngineProxy {
    folder: TempDir,
    orders: watch::Sender<Orders>,
    met: watch::Sender<u64>,
    runtime: Option<Runtime>,
}

impl EngineProxy {
    /// A proxy in front of this engine.
    pub fn start(engine: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let proxy = Self {
            folder,
            orders: watch::Sender::new(Orders::default()),
            met: watch::Sender::new(0),
            runtime: Some(runtime),
        };
        let line = Line { engine: engine.to_owned(), orders: proxy.orders.subscribe(), met: proxy.met.clone() };
        let socket = proxy.socket();
        let runtime = proxy.runtime.as_ref().expect("it was just made");
        let listener = runtime.block_on(async { UnixListener::bind(&socket) }).expect("a socket can be made");
        runtime.spawn(accept(listener, line));
        proxy
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// From now on calls come to this, and to nothing that was said before.
    pub fn spoil(&self, faults: &[(&str, Effect)]) {
        let faults = faults.iter().map(|(calls, effect)| Fault { calls: (*calls).to_owned(), effect: *effect });
        let faults: Vec<Fault> = faults.collect();
        self.met.send_replace(0);
        self.orders.send_modify(|orders| orders.faults = faults);
    }

    /// Nothing is spoilt any more. Calls that were never answered break off.
    pub fn mend(&self) {
        self.spoil(&[]);
    }

    /// Breaks off all streams and calls that are open.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// How many calls were spoilt since it was last told.
    pub fn met(&self) -> u64 {
        *self.met.borrow()
    }
}

impl Drop for EngineProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(END_TIMEOUT);
        }
    }
}

impl Fault {
    fn concerns(&self, call: &str) -> bool {
        let (pattern, call): (Vec<&str>, Vec<&str>) = (self.calls.split(['/', ' ']).collect(), parts(call));
        let last = pattern.len() - 1;
        let same = |(at, wanted): (usize, &&str)| match (*wanted, call.get(at)) {
            ("*", Some(_)) => true,
            ("*", None) => at == last,
            (wanted, given) => given.is_some_and(|given| *given == wanted),
        };
        let open_ended = pattern[last] == "*";
        pattern.iter().enumerate().all(same) && (open_ended || pattern.len() == call.len())
    }
}

/// `POST /v1.41/containers/x/start` as `POST`, ``, `containers`, `x`, `start`.
fn parts(call: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = call.split(['/', ' ']).collect();
    let is_version = |part: &&str| part.starts_with("v1.");
    if parts.get(2).is_some_and(is_version) {
        parts.remove(2);
    }
    parts
}

/// One line of the proxy: the engine behind it, and what it is told.
#[derive(Clone)]
struct Line {
    engine: PathBuf,
    orders: watch::Receiver<Orders>,
    met: watch::Sender<u64>,
}

async fn accept(listener: UnixListener, line: Line) {
    while let Ok((stream, _)) = listener.accept().await {
        let line = line.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| line.clone().serve(request));
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Whoever called may have gone away, or was cut off.
            let _ = served.with_upgrades().await;
        });
    }
}

impl Line {
    async fn serve(mut self, request: Request<Incoming>) -> Result<Response<Body>, Failed> {
        let call = format!("{} {}", request.method(), request.uri().path());
        let cuts = self.orders.borrow().cuts;
        match self.effect(&call) {
            None => self.pass_on(request, call, cuts).await,
            Some(effect) => {
                self.met.send_modify(|met| *met += 1);
                match effect {
                    Effect::Answer(status) => Ok(answer(status)),
                    Effect::Stall => {
                        self.until_told_otherwise(&call, cuts).await;
                        Err("broken off".into())
                    }
                }
            }
        }
    }

    fn effect(&self, call: &str) -> Option<Effect> {
        self.orders.borrow().faults.iter().find(|fault| fault.concerns(call)).map(|fault| fault.effect)
    }

    /// Waits for as long as a call is stalled.
    async fn until_told_otherwise(&mut self, call: &str, cuts: u64) {
        while self.effect(call) == Some(Effect::Stall) && self.orders.borrow().cuts == cuts {
            if self.orders.changed().await.is_err() {
                return;
            }
        }
    }

    async fn pass_on(self, mut request: Request<Incoming>, call: String, cuts: u64) -> Result<Response<Body>, Failed> {
        let stream = UnixStream::connect(&self.engine).await?;
        let (mut engine, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let caller = hyper::upgrade::on(&mut request);
        let mut answer = engine.send_request(request).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let engine = hyper::upgrade::on(&mut answer);
            tokio::spawn(async move {
                if let (Ok(caller), Ok(engine)) = tokio::join!(caller, engine) {
                    let (mut caller, mut engine) = (TokioIo::new(caller), TokioIo::new(engine));
                    let _ = tokio::io::copy_bidirectional(&mut caller, &mut engine).await;
                }
            });
        }
        // The engine's end of the connection lives as long as the answer is read.
        Ok(answer.map(|body| self.relay(body, engine, call, cuts)))
    }

    fn relay<T: Send + 'static>(self, body: Incoming, engine: T, call: String, cuts: u64) -> Body {
        let frames = stream::unfold(Some((self, body, engine, call)), move |state| async move {
            let (mut line, mut body, engine, call) = state?;
            loop {
                if line.orders.borrow_and_update().cuts != cuts {
                    return Some((Err(Failed::from("cut")), None));
                }
                line.until_told_otherwise(&call, cuts).await;
                // Both are asked again, and lose nothing when the other comes first.
                tokio::select! {
                    changed = line.orders.changed() => if changed.is_err() { return None },
                    frame = body.frame() => {
                        let frame: Frame<Bytes> = match frame? {
                            Ok(frame) => frame,
                            Err(error) => return Some((Err(error.into()), None)),
                        };
                        return Some((Ok(frame), Some((line, body, engine, call))));
                    }
                }
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

fn answer(status: u16) -> Response<Body> {
    let body =
        Full::new(Bytes::from_static(b"{\"message\":\"injected\"}")).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("the tests give statuses");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_concerns_the_calls_that_it_names_in_every_version() {
        let concerns =
            |calls: &str, call: &str| Fault { calls: calls.to_owned(), effect: Effect::Stall }.concerns(call);
        for (calls, call, does) in [
            ("POST /containers/*/start", "POST /containers/abc/start", true),
            ("POST /containers/*/start", "POST /v1.41/containers/abc/start", true),
            ("POST /containers/*/start", "POST /containers/abc/stop", false),
            ("POST /containers/*/start", "GET /containers/abc/start", false),
            ("POST /containers/create", "POST /containers/create", true),
            ("GET /containers/*", "GET /containers/json", true),
            ("GET /containers/*", "GET /containers/abc/json", true),
            ("GET /containers/json", "GET /containers/abc/json", false),
            ("GET /images/*", "GET /images/throng/a:1/json", true),
            ("*", "GET /_ping", true),
        ] {
            assert_eq!(concerns(calls, call), does, "{calls} {call}");
        }
    }
}
