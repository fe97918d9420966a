//! `throng events`: what happened.

use clap::Args;
use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{Event, EventsRequest};

use super::context::Context;
use super::error::CliError;
use crate::output::time::timestamp;

/// Arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng events
  throng events -f --cluster redis-ab12
  throng events --from 120 --format json")]
pub struct EventsArgs {
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub follow: bool,
    /// The newest so many only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub tail: u32,
    /// From this number on, however many there are
    #[arg(long, value_name = "NUMBER", conflicts_with = "tail")]
    pub from: Option<u64>,
    /// Only of this cluster
    #[arg(short, long, value_name = "CLUSTER", env = "THRONG_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
}

#[derive(Serialize)]
struct EventView {
    number: u64,
    at_unix_millis: u64,
    cluster: String,
    subject: String,
    kind: String,
    message: String,
}

/// Runs it.
pub async fn run(context: &Context, args: EventsArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let request = EventsRequest {
        cluster: args.cluster.clone().unwrap_or_default(),
        from: args.from.unwrap_or(0),
        follow: args.follow,
        tail: if args.from.is_some() { 0 } else { args.tail },
    };
    let mut batches = client.events(request).await?.into_inner();
    let mut is_empty = true;
    while let Some(batch) = batches.message().await? {
        for event in batch.events {
            is_empty = false;
            if context.is_json() {
                context.printer.json_line(&EventView::from(event))?;
            } else {
                context.printer.data(&line(&event))?;
            }
        }
    }
    if is_empty {
        // Those of a cluster that is gone are still there.
        let whose = args.cluster.map(|cluster| format!(" of {cluster}")).unwrap_or_default();
        context.printer.note(&format!("no events{whose}"));
    }
    Ok(Outcome::Pass)
}

fn line(event: &Event) -> String {
    let words = [&event.cluster, &event.subject, &event.kind].map(String::as_str);
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let colon = if event.message.is_empty() { "" } else { ": " };
    let at = timestamp(event.at_unix_millis);
    format!("{at} {:>5} {}{colon}{}", event.number, words.join(" "), event.message)
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event { number, at_unix_millis, cluster, subject, kind, message } = event;
        Self { number, at_unix_millis, cluster, subject, kind, message }
    }
}
