//! The floor: nothing but the engine's own calls, as many at once as it does best with, on connections that stay open.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use tokio::task::LocalSet;

use super::api::Api;
use super::engine::{Engine, runtime};
use super::load::Load;
use super::recorder::Created;

/// How many calls at once are tried.
pub(super) const WIDTHS: [usize; 5] = [2, 3, 4, 6, 8];
/// So many containers are enough to find the width.
pub(super) const SEARCHED: usize = 100;
/// Most removals at once: a burst of them can wedge this engine for good.
const REMOVALS_MAX: usize = 4;
/// How long a container may take to end by itself.
const GRACE_SECONDS: u32 = 5;

/// What is done with each container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Created and started.
    Up,
    /// Stopped and removed.
    Down,
}

/// Does it with all containers of a load, so many at once; how long it took.
pub(super) fn run(engine: &Engine, load: &Load, step: Step, width: usize) -> Duration {
    let width = if step == Step::Down { width.min(REMOVALS_MAX) } else { width };
    let todo: VecDeque<Created> = load.containers.iter().cloned().collect();
    each(&engine.socket(), todo, width, async move |api: &mut Api, container: Created| match step {
        Step::Up => up(api, container).await,
        Step::Down => down(api, &container.name).await,
    })
}

/// Brings all containers of a load up, so many at once; when each was started, in milliseconds, in the order of that.
pub(super) fn started_millis(engine: &Engine, load: &Load, width: usize) -> Vec<f64> {
    let todo: VecDeque<Created> = load.containers.iter().cloned().collect();
    let (began, moments) = (Instant::now(), Rc::new(RefCell::new(Vec::new())));
    let kept = Rc::clone(&moments);
    each(&engine.socket(), todo, width, async move |api: &mut Api, container: Created| {
        up(api, container).await?;
        kept.borrow_mut().push(began.elapsed().as_secs_f64() * 1e3);
        Ok(())
    });
    moments.take()
}

async fn up(api: &mut Api, container: Created) -> Result<(), String> {
    let path = format!("/v1.41/containers/create?name={}", container.name);
    let created = api.must(Method::POST, &path, Bytes::from(container.body)).await?;
    let id = created.split(|byte| *byte == b'"').nth(3).map(String::from_utf8_lossy).unwrap_or_default();
    api.must(Method::POST, &format!("/v1.41/containers/{id}/start"), Bytes::new()).await.map(drop)
}

async fn down(api: &mut Api, name: &str) -> Result<(), String> {
    api.must(Method::POST, &format!("/v1.41/containers/{name}/stop?t={GRACE_SECONDS}"), Bytes::new()).await?;
    api.must(Method::DELETE, &format!("/v1.41/containers/{name}?v=1"), Bytes::new()).await.map(drop)
}

/// Works off a queue over so many connections; how long it took, with the connections open.
pub(super) fn each<T: 'static>(
    socket: &Path,
    todo: VecDeque<T>,
    width: usize,
    work: impl AsyncFn(&mut Api, T) -> Result<(), String> + 'static,
) -> Duration {
    let (queue, work) = (Rc::new(RefCell::new(todo)), Rc::new(work));
    let socket: PathBuf = socket.to_owned();
    let done: Result<Duration, String> = LocalSet::new().block_on(&runtime(), async move {
        let mut connections = Vec::new();
        for _ in 0..width {
            connections.push(Api::open(&socket).await?);
        }
        let began = Instant::now();
        let workers: Vec<_> = connections
            .into_iter()
            .map(|mut api| {
                let (queue, work) = (Rc::clone(&queue), Rc::clone(&work));
                tokio::task::spawn_local(async move {
                    loop {
                        let Some(next) = queue.borrow_mut().pop_front() else { return Ok(()) };
                        work(&mut api, next).await?;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.map_err(|error| error.to_string()).flatten()?;
        }
        Ok(began.elapsed())
    });
    done.unwrap_or_else(|problem| panic!("the floor's loop failed: {problem}"))
}

/// The width at which an engine does best: the least time for both steps together.
pub(super) fn best_width(engine: &Engine, load: &Load) -> usize {
    let timed = WIDTHS.map(|width| {
        let _ramdisks = load.provide();
        let up = run(engine, load, Step::Up, width);
        let down = run(engine, load, Step::Down, width);
        (up + down, width)
    });
    timed.into_iter().min().map_or(REMOVALS_MAX, |(_, width)| width)
}
