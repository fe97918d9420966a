//! The protocol does not change under those who speak it: what `descriptors.lock` lists stays as it is.
//!
//! After an addition run `THRONG_BLESS=1 cargo test -p throng-proto --test descriptors` and check the lock in with it.
//! Blessing does not accept what breaks others; a new major version may edit the lock by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use prost::Message as _;
use throng_proto::types::field_descriptor_proto::{Label, Type};
use throng_proto::types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};

const BLESS: &str = "THRONG_BLESS";
const HOW: &str = "THRONG_BLESS=1 cargo test -p throng-proto --test descriptors";

const HEADER: &str = "\
# Every field, enum value and RPC of the protocol. Nothing here may be removed, renumbered or retyped.
# After an addition: THRONG_BLESS=1 cargo test -p throng-proto --test descriptors
";

/// What each name means: `field throng.v1.Node.pid` → `9 uint32`.
type Listing = BTreeMap<String, String>;

fn list_messages(listing: &mut Listing, scope: &str, messages: &[DescriptorProto], enums: &[EnumDescriptorProto]) {
    for message in messages {
        let name = format!("{scope}.{}", message.name());
        for field in &message.field {
            listing.insert(format!("field {name}.{}", field.name()), signature(message, field));
        }
        list_messages(listing, &name, &message.nested_type, &message.enum_type);
    }
    for one in enums {
        for value in &one.value {
            listing.insert(format!("value {scope}.{}.{}", one.name(), value.name()), value.number().to_string());
        }
    }
}

fn signature(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let label = match (field.label(), field.proto3_optional(), field.oneof_index) {
        (Label::Repeated, _, _) => "repeated ".to_owned(),
        (_, true, _) => "optional ".to_owned(),
        (_, false, Some(index)) => {
            let oneof = usize::try_from(index).ok().and_then(|index| message.oneof_decl.get(index));
            format!("oneof {} ", oneof.expect("a field names a oneof of its message").name())
        }
        (Label::Optional | Label::Required, false, None) => String::new(),
    };
    format!("{} {label}{kind}", field.number())
}

fn list_service(listing: &mut Listing, package: &str, service: &ServiceDescriptorProto) {
    let end = |streaming: bool, kind: &str| {
        format!("{}{}", if streaming { "stream " } else { "" }, kind.trim_start_matches('.'))
    };
    for method in &service.method {
        let input = end(method.client_streaming(), method.input_type());
        let output = end(method.server_streaming(), method.output_type());
        listing.insert(format!("rpc {package}.{}.{}", service.name(), method.name()), format!("({input}) -> {output}"));
    }
}

fn listing_of(descriptors: &FileDescriptorSet) -> Listing {
    let mut listing = Listing::new();
    for file in &descriptors.file {
        list_messages(&mut listing, file.package(), &file.message_type, &file.enum_type);
        for service in &file.service {
            list_service(&mut listing, file.package(), service);
        }
    }
    listing
}

fn print(listing: &Listing) -> String {
    let lines = listing.iter().map(|(name, meaning)| format!("{name} = {meaning}\n"));
    std::iter::once(HEADER.to_owned()).chain(lines).collect()
}

fn parse(text: &str) -> Listing {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(" = ").expect("name = meaning")).map(|(a, b)| (a.into(), b.into())).collect()
}

/// What of `locked` is gone or means something else now.
fn broken(locked: &Listing, now: &Listing) -> Vec<String> {
    let judge = |(name, was): (&String, &String)| match now.get(name) {
        Some(is) if is == was => None,
        Some(is) => Some(format!("{name}: was `{was}`, is `{is}`")),
        None => Some(format!("{name}: was `{was}`, is gone")),
    };
    locked.iter().filter_map(judge).collect()
}

fn lock_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("descriptors.lock")
}

fn current() -> FileDescriptorSet {
    FileDescriptorSet::decode(throng_proto::DESCRIPTORS).expect("the build wrote it")
}

#[test]
fn nothing_that_others_rely_on_is_removed_renumbered_or_retyped() {
    let now = listing_of(&current());
    let locked = parse(&std::fs::read_to_string(lock_path()).unwrap_or_default());
    let broken = broken(&locked, &now);
    assert!(broken.is_empty(), "incompatible with what others speak; add instead of changing:\n{}", broken.join("\n"));
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(lock_path(), print(&now)).expect("the lock can be written");
    }
    let locked = parse(&std::fs::read_to_string(lock_path()).unwrap_or_default());
    let added: Vec<_> = now.keys().filter(|name| !locked.contains_key(*name)).collect();
    assert!(added.is_empty(), "new, and not in descriptors.lock yet: {added:?}\nrun {HOW}");
}

#[test]
fn the_check_finds_what_is_removed_renumbered_or_retyped_and_lets_additions_pass() {
    let before = listing_of(&current());
    assert_eq!(parse(&print(&before)), before);
    let change = |edit: fn(&mut FileDescriptorSet)| {
        let mut changed = current();
        edit(&mut changed);
        broken(&before, &listing_of(&changed))
    };
    let removed = change(|set| drop(set.file[0].message_type[0].field.remove(0)));
    assert!(removed.len() == 1 && removed[0].ends_with("is gone"), "{removed:?}");
    let renumbered = change(|set| set.file[0].message_type[0].field[0].number = Some(99));
    assert!(renumbered.len() == 1 && renumbered[0].contains("is `99 "), "{renumbered:?}");
    let retyped = change(|set| set.file[0].message_type[0].field[0].set_type(Type::Bytes));
    assert_eq!(retyped.len(), 1, "{retyped:?}");
    let streamed = change(|set| set.file[0].service[0].method[0].server_streaming = Some(true));
    assert_eq!(streamed.len(), 1, "{streamed:?}");
    let added = change(|set| {
        let field = FieldDescriptorProto { name: Some("new".into()), number: Some(99), ..Default::default() };
        set.file[0].message_type[0].field.push(field);
    });
    assert!(added.is_empty(), "{added:?}");
}
