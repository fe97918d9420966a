use serde_json::json;
use throng_common::scenario::placeholder::PlaceholderError;

use super::*;

fn exec(code: i32, stdout: &str) -> Answer {
    Answer { end: AnswerEnd::Exit(code), output: stdout.to_owned(), stderr: String::new(), truncated: false }
}

fn http(status: u16, body: &str) -> Answer {
    Answer { end: AnswerEnd::Status(status), output: body.to_owned(), stderr: String::new(), truncated: false }
}

fn expectation(value: Value) -> Expectation {
    let expect: Expect = serde_json::from_value(value).unwrap();
    Expectation::resolve(Some(&expect), |text| Ok::<_, PlaceholderError>(text.replace("{saved.n}", "7"))).unwrap()
}

/// The message of the miss; empty when the expectation holds.
fn judged(expect: Value, answer: &Answer) -> String {
    expectation(expect).judge(answer).err().map(|miss| miss.message).unwrap_or_default()
}

#[test]
fn without_an_expectation_success_is_expected() {
    assert_eq!(judged(json!({}), &exec(0, "anything")), "");
    assert_eq!(judged(json!({}), &exec(1, "")), "exit code 1, expected 0");
    assert_eq!(judged(json!({}), &http(204, "")), "");
    assert_eq!(judged(json!({}), &http(302, "")), "status 302, expected 200 to 299");
}

#[test]
fn an_expectation_of_the_output_does_not_waive_the_exit_code() {
    assert_eq!(judged(json!({"contains": "a"}), &exec(3, "a")), "exit code 3, expected 0");
    assert_eq!(judged(json!({"contains": "a", "code": 3}), &exec(3, "a")), "");
}

#[test]
fn every_key_explains_what_it_wants_and_what_it_got() {
    for (expect, answer, message) in [
        (json!({"code": 3}), exec(0, ""), "exit code 0, expected 3"),
        (json!({"status": 404}), http(200, ""), "status 200, expected 404"),
        (json!({"stdout": "PONG"}), exec(0, " PONG\r\n"), ""),
        (json!({"stdout": "PONG"}), exec(0, "PING"), "stdout is \"PING\", expected \"PONG\""),
        (
            json!({"stdout": "a\nb"}),
            exec(0, "a\nc"),
            "stdout differs at line 2, column 1: got \"a\\nc\", expected \"a\\nb\"",
        ),
        (json!({"contains": ["a", "b"]}), exec(0, "a"), "stdout does not contain \"b\""),
        (json!({"lacks": "ERR"}), http(200, "ERR 1"), "body contains \"ERR\""),
        (json!({"matches": "^v[0-9]+$"}), exec(0, "vx\n"), "stdout does not match \"^v[0-9]+$\""),
        (json!({"matches": "("}), exec(0, ""), "\"(\" is not a regular expression"),
        (
            json!({"json": {"/n": 1}}),
            exec(0, "{"),
            "stdout is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (json!({"json": {"/n": 1}}), exec(0, "{}"), "nothing at /n, expected 1"),
        (json!({"json": {"/n": 1}}), exec(0, r#"{"n":"1"}"#), "\"1\" at /n, expected 1"),
        (json!({"json": {"/n": "1"}}), exec(0, r#"{"n":1}"#), "1 at /n, expected \"1\""),
        (json!({"json": {"/n": "{saved.n}"}}), exec(0, r#"{"n":7}"#), ""),
        (json!({"json": {"/a/1": {"b": [1.0]}}}), exec(0, r#"{"a":[0,{"b":[1]}]}"#), ""),
        (
            json!({"contains": ["a", "b", "c", "d"]}),
            exec(0, ""),
            "stdout does not contain \"a\"; stdout does not contain \"b\"; stdout does not contain \"c\"; and 1 more",
        ),
    ] {
        assert_eq!(judged(expect.clone(), &answer), message, "{expect}");
    }
}

#[test]
fn integers_of_64_bits_are_compared_exactly() {
    let answer = exec(0, r#"{"n":9007199254740993,"u":18446744073709551615,"big":18446744073709551616}"#);
    assert_eq!(judged(json!({"json": {"/n": 9_007_199_254_740_993_i64}}), &answer), "");
    assert_ne!(judged(json!({"json": {"/n": 9_007_199_254_740_992_i64}}), &answer), "");
    assert_eq!(judged(json!({"json": {"/u": u64::MAX}}), &answer), "");
    assert_ne!(judged(json!({"json": {"/big": u64::MAX}}), &answer), "");
}

#[test]
fn of_an_output_that_was_cut_nothing_is_claimed_that_needs_its_end() {
    let cut = Answer { truncated: true, ..exec(0, "abc") };
    assert_eq!(judged(json!({"contains": "abc"}), &cut), "");
    for expect in
        [json!({"stdout": "abc"}), json!({"lacks": "x"}), json!({"json": {"/a": 1}}), json!({"contains": "d"})]
    {
        assert_ne!(judged(expect.clone(), &cut), "", "{expect}");
    }
}

#[test]
fn details_show_standard_error_before_the_output() {
    let answer = Answer { stderr: "no route\n".to_owned(), ..exec(1, "trying\n") };
    let miss = expectation(json!({})).judge(&answer).unwrap_err();
    assert_eq!((miss.cause, miss.detail.as_str()), (Cause::WrongValue, "stderr:\nno route\nstdout:\ntrying"));
}
