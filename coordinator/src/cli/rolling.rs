//! Options of what changes nodes some at a time.

use clap::Args;
use throng_proto::operator::RollingBound;

use super::error::CliError;

/// How far a change goes at once.
#[derive(Debug, Clone, Args)]
pub struct RollingArgs {
    /// Most nodes that are down at once: a number, or a share of those that are changed [default: 1]
    #[arg(long, value_name = "N|P%", value_parser = parse)]
    pub max_down: Option<MaxDown>,
    /// Stop when more than so many do not come up again [default: 0]
    #[arg(long, value_name = "N")]
    pub max_failed: Option<u32>,
}

/// Most nodes that are down at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDown {
    /// So many.
    Count(u32),
    /// A share of those that are changed, in percent.
    Percent(u32),
}

/// Why a text bounds nothing.
#[derive(Debug, thiserror::Error)]
#[error("write a number from 1, or a share like 10%")]
pub struct MaxDownError;

fn parse(text: &str) -> Result<MaxDown, MaxDownError> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0).ok_or(MaxDownError);
    match text.strip_suffix('%') {
        Some(share) => {
            number(share).and_then(|share| if share > 100 { Err(MaxDownError) } else { Ok(MaxDown::Percent(share)) })
        }
        None => number(text).map(MaxDown::Count),
    }
}

impl RollingArgs {
    /// Whether a bound was given.
    pub fn is_given(&self) -> bool {
        self.max_down.is_some() || self.max_failed.is_some()
    }

    /// The bound for a change of so many nodes. A share is rounded up, so that it is never none.
    pub fn bound(&self, nodes: u32) -> Result<RollingBound, CliError> {
        let failed = self.max_failed.unwrap_or(0);
        let down = match self.max_down.unwrap_or(MaxDown::Count(1)) {
            MaxDown::Count(count) => count,
            MaxDown::Percent(share) => {
                (u64::from(nodes) * u64::from(share)).div_ceil(100).try_into().unwrap_or(u32::MAX).max(1)
            }
        };
        if failed >= down {
            return Err(CliError::refused(
                format!("--max-failed {failed} leaves no room: at most {down} may be down at once"),
                "nodes that failed stay down: --max-down must be more",
            ));
        }
        Ok(RollingBound { down, failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_what_fails_must_leave_room() {
        let bound = |max_down: &str, max_failed, nodes| {
            RollingArgs { max_down: parse(max_down).ok(), max_failed: Some(max_failed) }
                .bound(nodes)
                .map(|bound| bound.down)
        };
        assert_eq!(bound("10%", 0, 101).unwrap(), 11);
        assert_eq!(bound("1%", 0, 3).unwrap(), 1);
        assert_eq!(bound("5", 4, 3).unwrap(), 5);
        assert!(bound("5", 5, 100).is_err() && bound("10%", 1, 10).is_err());
        for wrong in ["0", "-1", "101%", "%", "x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
