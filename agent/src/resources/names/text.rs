//! The text of a cluster's hosts file. Pure.

use std::fmt::Write as _;

use throng_common::host_spec::HostEntry;

/// The lines that every machine's hosts file has.
const LOCALHOST: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// The address that Debian gives a machine's own name in its hosts file, where no better one is known.
const OWN_ADDRESS: &str = "127.0.1.1";

/// The whole file for containers: localhost, the machine's own name, all nodes.
///
/// The machine's own name keeps the address that the host's file gives it: a container with host networking has the
/// same host name and must find the same answer.
pub fn cluster_file(machine: &str, host_file: &[u8], names: &[HostEntry]) -> String {
    let mut text = LOCALHOST.to_owned();
    let named_already = names.iter().any(|entry| entry.names.iter().any(|name| name == machine));
    if !machine.is_empty() && machine != "localhost" && !named_already {
        let address = address_of(machine, host_file).unwrap_or(OWN_ADDRESS.to_owned());
        push_line(&mut text, &address, &[machine.to_owned()]);
    }
    for entry in names {
        push_line(&mut text, &entry.address.to_string(), &entry.names);
    }
    text
}

/// The lines of a block: the nodes alone, without ends of lines.
pub fn node_lines(names: &[HostEntry]) -> Vec<String> {
    names.iter().map(|entry| format!("{}\t{}", entry.address, entry.names.join(" "))).collect()
}

fn push_line(text: &mut String, address: &str, names: &[String]) {
    writeln!(text, "{address}\t{}", names.join(" ")).expect("writing to a string cannot fail");
}

/// The address that a hosts file gives a name, the first one.
fn address_of(name: &str, file: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(file);
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let address = words.next()?;
        words.any(|word| word == name).then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str, name: &str) -> HostEntry {
        HostEntry { address: address.parse().unwrap(), names: vec![name.to_owned(), format!("{name}.x")] }
    }

    #[test]
    fn the_file_names_localhost_the_machine_and_all_nodes() {
        let names = [entry("127.84.0.1", "worker-0000"), entry("127.84.0.2", "worker-0001")];
        let expected = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
10.0.0.7\tbox
127.84.0.1\tworker-0000 worker-0000.x
127.84.0.2\tworker-0001 worker-0001.x
";
        assert_eq!(
            cluster_file("box", b"# 1.1.1.1 box\n127.0.0.1 localhost\n10.0.0.7 box.lan box\n", &names),
            expected
        );
    }

    #[test]
    fn a_machine_that_its_own_file_does_not_name_gets_debians_address() {
        assert!(cluster_file("box", b"", &[]).ends_with("127.0.1.1\tbox\n"));
        assert!(!cluster_file("localhost", b"", &[]).contains("127.0.1.1"));
    }
}
