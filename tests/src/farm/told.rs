//! What throng says of its nodes, and whether they answer: its words, to be held against what kernel and engine say.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::invariants::ToldNode;
use crate::site::{Site, nodes};

/// How long a node may take to answer: they hold one small file each.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What `throng ps` says of a cluster's nodes, and whether those that are called ready answer; none where throng does not
/// know the cluster.
pub(super) fn told(site: &Site, cluster: &str) -> Option<Vec<ToldNode>> {
    let finished = site.throng(&["ps", "--cluster", cluster, "--format", "json"]);
    if finished.code != Some(0) {
        return None;
    }
    let ps = finished.json();
    // One that hangs must not hold up the look at the others.
    Some(thread::scope(|scope| {
        let asked: Vec<_> = nodes(&ps).iter().map(|node| scope.spawn(move || told_node(cluster, node))).collect();
        asked.into_iter().map(|node| node.join().expect("a look at a node does not panic")).collect()
    }))
}

fn told_node(cluster: &str, node: &Value) -> ToldNode {
    let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let is_ready = text("phase") == "ready";
    ToldNode {
        cluster: cluster.to_owned(),
        node: text("node"),
        is_ready,
        pid: node["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()),
        answers: !is_ready || address(node).is_none_or(answers),
    }
}

/// Where a node of the farm answers: its first port.
pub(crate) fn address(node: &Value) -> Option<SocketAddr> {
    let ports = node["ports"].as_str()?;
    let number: String = ports.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    format!("{}:{number}", node["address"].as_str()?).parse().ok()
}

/// Whether somebody speaks HTTP there.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok::<_, std::io::Error>(start == *b"HTTP/")
    };
    ask().unwrap_or(false)
}
