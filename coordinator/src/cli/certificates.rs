//! `throng operator list` and `remove`: the certificates that are good, and their withdrawal.

use serde::Serialize;
use throng_common::verdict::Outcome;
use throng_proto::operator::{ListOperatorsRequest, OperatorCertificate, OperatorRole, RemoveOperatorRequest};

use super::confirm::confirm;
use super::context::Context;
use super::error::CliError;
use super::operator::RemoveArgs;
use crate::client::connect::Client;
use crate::output::table::Table;
use crate::output::time::{now_unix_millis, timestamp};

/// How much of a serial number is shown: enough to tell them apart.
const SERIAL_SHOWN_DIGITS: usize = 12;

#[derive(Serialize)]
struct CertificateView {
    name: String,
    role: &'static str,
    serial: String,
    issued: String,
    expires: String,
    expired: bool,
}

/// Lists them.
pub(super) async fn list(context: &Context) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let known = known(&mut client).await?;
    let now = now_unix_millis();
    if context.is_json() {
        context.printer.json(&known.iter().map(|one| view(one, now)).collect::<Vec<_>>())?;
    } else if known.is_empty() {
        context.printer.note("no certificates: `throng operator add NAME` makes one");
    } else {
        context.printer.data(&table(&known, now).render(context.printer.width_columns))?;
    }
    Ok(Outcome::Pass)
}

/// Withdraws them, after they were shown.
pub(super) async fn remove(context: &Context, args: RemoveArgs) -> Result<Outcome, CliError> {
    let mut client = context.client().await?;
    let known = known(&mut client).await?;
    let goes = chosen(known, &args)?;
    let now = now_unix_millis();
    context.printer.note(table(&goes, now).render(context.printer.width_columns).trim_end());
    confirm(context, args.yes, "Whoever calls with this is refused from now on.")?;
    let mut removed = Vec::new();
    for one in goes {
        let request = RemoveOperatorRequest { name: one.name, serial: one.serial };
        removed.extend(client.remove_operator(request).await?.into_inner().certificates);
    }
    if context.is_json() {
        context.printer.json(&removed.iter().map(|one| view(one, now)).collect::<Vec<_>>())?;
    } else {
        let count = removed.len();
        context.printer.note(&format!("withdrew {count} certificate{}", if count == 1 { "" } else { "s" }));
    }
    Ok(Outcome::Pass)
}

async fn known(client: &mut Client) -> Result<Vec<OperatorCertificate>, CliError> {
    Ok(client.list_operators(ListOperatorsRequest {}).await?.into_inner().certificates)
}

/// What is meant: at least one, and just one where a serial number is given.
fn chosen(known: Vec<OperatorCertificate>, args: &RemoveArgs) -> Result<Vec<OperatorCertificate>, CliError> {
    let serial = args.serial.as_deref().map(|text| text.trim_end_matches('…').to_ascii_lowercase());
    let meant = |one: &OperatorCertificate| {
        one.name == args.name && serial.as_ref().is_none_or(|serial| one.serial.starts_with(serial.as_str()))
    };
    let found: Vec<OperatorCertificate> = known.into_iter().filter(meant).collect();
    match (found.len(), &args.serial) {
        (0, _) => {
            let problem = format!("no such certificate of {} was given out, or it is withdrawn already", args.name);
            Err(CliError::refused(problem, "`throng operator list` shows those that are good"))
        }
        (2.., Some(serial)) => {
            let problem = format!("several certificates of {} begin with {serial}", args.name);
            Err(CliError::refused(problem, "`throng operator list --format json` shows them in full"))
        }
        (_, _) => Ok(found),
    }
}

fn role(one: &OperatorCertificate) -> &'static str {
    match one.role() {
        OperatorRole::Operator => "operator",
        OperatorRole::Viewer => "viewer",
        OperatorRole::Unspecified => "unknown",
    }
}

fn table(known: &[OperatorCertificate], now: u64) -> Table {
    let mut table = Table::new(&["NAME", "ROLE", "SERIAL", "ISSUED", "EXPIRES"]);
    for one in known {
        let serial =
            one.serial.get(..SERIAL_SHOWN_DIGITS).map_or_else(|| one.serial.clone(), |head| format!("{head}…"));
        let ended = if one.expires_unix_millis <= now { " (ended)" } else { "" };
        let expires = format!("{}{ended}", timestamp(one.expires_unix_millis));
        table.row([one.name.as_str(), role(one), &serial, &timestamp(one.issued_unix_millis), &expires]);
    }
    table
}

fn view(one: &OperatorCertificate, now: u64) -> CertificateView {
    CertificateView {
        name: one.name.clone(),
        role: role(one),
        serial: one.serial.clone(),
        issued: timestamp(one.issued_unix_millis),
        expires: timestamp(one.expires_unix_millis),
        expired: one.expires_unix_millis <= now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str, serial: &str, expires: u64) -> OperatorCertificate {
        OperatorCertificate {
            name: name.to_owned(),
            role: OperatorRole::Viewer.into(),
            serial: serial.to_owned(),
            issued_unix_millis: 1_700_000_000_000,
            expires_unix_millis: expires,
        }
    }

    fn args(name: &str, serial: Option<&str>) -> RemoveArgs {
        RemoveArgs { name: name.to_owned(), serial: serial.map(str::to_owned), yes: true }
    }

    #[test]
    fn the_list_tells_certificates_apart_and_which_have_ended() {
        let known = [
            certificate("ann", "4a1f00112233445566778899aabbccdd", 1_800_000_000_000),
            certificate("ci", "5b", 1_700_000_100_000),
        ];
        insta::assert_snapshot!(table(&known, 1_750_000_000_000).render(None));
    }

    #[test]
    fn a_serial_number_means_just_one_and_nobody_else_s() {
        let known = || vec![certificate("ann", "ab1", 1), certificate("ann", "ab2", 1), certificate("bob", "ab3", 1)];
        let serials = |args: &RemoveArgs| {
            chosen(known(), args).map(|found| found.into_iter().map(|one| one.serial).collect::<Vec<_>>())
        };
        assert_eq!(serials(&args("ann", None)).unwrap(), ["ab1", "ab2"]);
        assert_eq!(serials(&args("ann", Some("AB2…"))).unwrap(), ["ab2"]);
        assert!(serials(&args("ann", Some("ab"))).unwrap_err().to_string().contains("several"));
        assert!(serials(&args("ann", Some("ab3"))).unwrap_err().hint().is_some());
    }
}
