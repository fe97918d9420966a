//! Options of what changes nodes some at a time.

use clap::Args;
use throng_proto::operator::RollingBound;

use super::error::CliError;

/// How far a change goes at once.
#[derive(Debug, Clone, Args)]
pub struct RollingArgs {
    /// Most nodes that are down at once: a number, or a share of those that are changed
    #[arg(long, value_name = "N|P%", default_value = "1", value_parser = parse)]
    pub max_down: MaxDown,
    /// Stop when more than so many do not come up again
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failed: u32,
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
    /// The bound for a change of so many nodes. A share is rounded up, so that it is never none.
    pub fn bound(&self, nodes: u32) -> Result<RollingBound, CliError> {
        let down = match self.max_down {
            MaxDown::Count(count) => count,
            MaxDown::Percent(share) => {
                (u64::from(nodes) * u64::from(share)).div_ceil(100).try_into().unwrap_or(u32::MAX).max(1)
            }
        };
        if self.max_failed >= down {
            return Err(CliError::refused(
                format!("--max-failed {} leaves no room: at most {down} may be down at once", self.max_failed),
                "nodes that failed stay down: --max-down must be more",
            ));
        }
        Ok(RollingBound { down, failed: self.max_failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_what_fails_must_leave_room() {
        let bound = |max_down: &str, max_failed, nodes| {
            RollingArgs { max_down: parse(max_down).unwrap(), max_failed }.bound(nodes).map(|bound| bound.down)
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
