//! One-time join tokens: only their hashes are kept.

use rusqlite::{OptionalExtension as _, params};
use throng_common::ids::HostId;
use throng_common::status::UnixMillis;
use throng_failpoints::{Point, hit};

use super::rows::{decode, signed};
use super::{Store, StoreError};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A token that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its hash.
    pub hash: TokenHash,
    /// The id that whoever joins with it gets; none: derived from the machine's name.
    pub host: Option<HostId>,
    /// How often it can be used.
    pub uses: u32,
    /// When it was made.
    pub created: UnixMillis,
    /// From when on it is worthless.
    pub expires: UnixMillis,
}

impl Store {
    /// Remembers a token, and drops those that can no longer be used.
    pub async fn save_token(&self, token: NewToken) -> Result<(), StoreError> {
        self.write("save a join token", move |connection| {
            let now = signed(token.created.0);
            connection.execute("DELETE FROM tokens WHERE uses_left = 0 OR expires <= ?1", [now])?;
            hit(Point::JournalTokenWriting);
            connection.execute(
                "INSERT INTO tokens (hash, host, uses_left, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![token.hash, token.host.as_ref().map(HostId::as_str), token.uses, now, signed(token.expires.0)],
            )?;
            hit(Point::JournalTokenWritten);
            Ok(())
        })
        .await
    }

    /// Uses a token once. None: it is unknown, used up or expired, and nothing changed; which of them is not said.
    /// Some: it was good, and holds the host's id if the token names one.
    pub async fn spend_token(&self, hash: TokenHash, now: UnixMillis) -> Result<Option<Option<HostId>>, StoreError> {
        self.write("use a join token", move |connection| {
            // One statement, so that two who come with the same token cannot both succeed.
            let sql = "UPDATE tokens SET uses_left = uses_left - 1
                       WHERE hash = ?1 AND uses_left > 0 AND expires > ?2 RETURNING host";
            let spent: Option<Option<String>> =
                connection.query_row(sql, params![hash, signed(now.0)], |row| row.get(0)).optional()?;
            hit(Point::JournalTokenSpent);
            let host =
                spent.map(|host| host.map(|text| decode("tokens", &text, HostId::new(text.clone()))).transpose());
            Ok(host.transpose()?)
        })
        .await
    }
}
