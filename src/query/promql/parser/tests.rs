use super::*;
use crate::base::task::STACK_BYTES;

fn error_of(text: &str) -> String {
    parse(text).map(|expr| expr.root.to_string()).expect_err(text).to_string()
}

fn printed(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).root.to_string()
}

#[test]
fn faults_are_told_in_prometheus_words_with_their_place() {
    let cases = [
        ("", "1:1: parse error: no expression found in input"),
        ("foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("(1", "1:3: parse error: unclosed left parenthesis"),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("foo[5m", "1:7: parse error: unexpected end of input in duration expression"),
        ("foo{a=}", "1:7: parse error: unexpected \"}\" in label matching, expected string"),
        ("unknown(foo)", "1:1: parse error: unknown function with name \"unknown\""),
        (
            "rate(foo)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        (
            "{a=\"\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            "foo\nand 1",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error_of(text), expected, "for {text:?}");
    }
}

#[test]
fn a_query_prints_back_what_it_means_and_stays_so() {
    let cases = [
        ("sum by(a,b)(rate(x{c=~\"d\"}[5m]))", "sum by (a, b) (rate(x{c=~\"d\"}[5m]))"),
        ("a+on(b)group_left c", "a + on (b) group_left () c"),
        ("x[1h:5m] @ 10 offset -1m", "x[1h:5m] @ 10.000 offset -1m"),
        ("-2^3", "-2 ^ 3"),
        ("foo offset (1m+step())", "foo offset (1m + step())"),
        ("a / fill(0) b", "a / fill (0) b"),
        ("x anchored", "x anchored"),
        ("{\"odd name\", a!=\"b\"}", "{__name__=\"odd name\",a!=\"b\"}"),
        ("sum{job=\"a\"}", "sum{job=\"a\"}"),
    ];
    for (text, expected) in cases {
        let once = printed(text);
        assert_eq!(once, expected, "for {text:?}");
        assert_eq!(printed(&once), once, "printing must be stable");
    }
}

#[test]
fn power_binds_right_and_tighter_than_a_sign() {
    let Kind::Unary { operand, .. } = parse("-x^2^3").expect("parses").root.kind else {
        panic!("the sign must be outermost");
    };
    let Kind::Binary(outer) = operand.kind else { panic!("a power below the sign") };
    assert!(matches!(outer.right.kind, Kind::Binary(_)), "2^3 is the right operand");
}

#[test]
fn nesting_beyond_the_cap_is_refused_without_overflowing_the_stack() {
    let texts = [
        format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        vec!["a"; 10_000].join(" + "),
        format!("{}1", "-".repeat(100_000)),
    ];
    // Threads that parse have the stack that the appliance gives its own.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        for text in texts {
            assert!(error_of(&text).contains("nested too deeply"));
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn hostile_texts_end_in_an_error_and_never_panic() {
    for text in ["\u{0}", "ü", "a{\"", "'\\", "`", "1e", "0x", "[", "]", "a[:]", "@", "a[1m:", "!"]
    {
        error_of(text);
    }
}
