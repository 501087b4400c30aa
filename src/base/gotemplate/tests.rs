use super::*;

/// A map with a method, like Alertmanager's `KV`.
struct Pairs(Value);

impl Object for Pairs {
    fn type_name(&self) -> &str {
        "template.KV"
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (name, arguments) {
            ("Join", [Value::Str(separator)]) => Some(Ok(Value::from(format!("a{separator}b")))),
            ("Broken", []) => Some(Err("it is broken".to_owned())),
            _ => None,
        }
    }

    fn underlying(&self) -> Value {
        self.0.clone()
    }
}

struct Upper;

impl Functions for Upper {
    fn knows(&self, name: &str) -> bool {
        SHARED.contains(&name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        call_shared(name, arguments).unwrap_or_else(|| Err("unknown".to_owned()))
    }
}

fn data() -> Value {
    Value::record(
        "Data",
        [
            ("Name", Value::text("web")),
            ("Count", Value::Int(3)),
            ("Ratio", Value::Float(0.5)),
            ("Empty", Value::text("")),
            ("None", Value::Nil),
            ("List", Value::list([Value::text("x"), Value::text("y"), Value::text("z")])),
            ("Labels", Value::text_map([("b", "2"), ("a", "1")])),
            ("Pairs", Value::Object(std::sync::Arc::new(Pairs(Value::text_map([("k", "v")]))))),
        ],
    )
}

fn rendered(text: &str) -> Result<String, String> {
    let template = Template::parse("t", text, &Upper).map_err(|error| error.to_string())?;
    template.render(&data(), &Upper).map_err(|error| error.to_string())
}

#[track_caller]
fn shows(text: &str, expected: &str) {
    assert_eq!(rendered(text), Ok(expected.to_owned()), "{text}");
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    assert_eq!(rendered(text), Err(expected.to_owned()), "{text}");
}

#[test]
fn fields_variables_and_pipelines_are_computed() {
    shows("a {{ .Name }} b", "a web b");
    shows("{{ .Labels.a }}{{ .Labels.missing }}{{ .Pairs.k }}", "1v");
    shows("{{ $x := .Count }}{{ $x }}{{ $x = 5 }}{{ $x }}{{ $.Name }}", "35web");
    shows("{{ .Name | toUpper | printf \"%s-%s\" \"x\" | len }}", "5");
    shows("{{ (index .List 1) | toUpper }}{{ (.Labels).b }}", "Y2");
    shows("{{ .Pairs.Join \", \" }}{{ \"/\" | .Pairs.Join }}", "a, ba/b");
    shows(
        "{{ 0x10 }} {{ 'a' }} {{ 1_000 }} {{ 1e3 }} {{ `r\\n` }} {{ true }}",
        "16 97 1000 1000 r\\n true",
    );
}

#[test]
fn conditions_choose_a_branch() {
    shows("{{ if .Empty }}a{{ else if gt .Count 2 }}b{{ else }}c{{ end }}", "b");
    shows("{{ if and .Name (not .Empty) }}yes{{ end }}", "yes");
    shows("{{ with .Labels }}{{ .a }}{{ end }}{{ with .Empty }}x{{ else }}y{{ end }}", "1y");
    shows("{{ with .Empty }}x{{ else with .Name }}{{ . }}{{ end }}", "web");
    shows("{{ or .Empty .Name }} {{ and .Count .Empty }}", "web ");
    // `or` does not look at what it does not need.
    shows("{{ or true (index .List 9) }}", "true");
}

#[test]
fn loops_walk_lists_maps_and_numbers() {
    shows("{{ range .List }}{{ . }},{{ end }}", "x,y,z,");
    shows("{{ range $i, $e := .List }}{{ $i }}{{ $e }}{{ end }}", "0x1y2z");
    shows("{{ range $k, $v := .Labels }}{{ $k }}={{ $v }} {{ end }}", "a=1 b=2 ");
    shows("{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}", "01201");
    shows("{{ range .None }}x{{ else }}none{{ end }}", "none");
    shows("{{ range .List }}{{ if eq . \"y\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "xz");
    shows("{{ range .List }}{{ if eq . \"y\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "x");
    shows("{{ $last := \"\" }}{{ range .List }}{{ $last = . }}{{ end }}{{ $last }}", "z");
    shows("{{ range .Pairs }}{{ . }}{{ end }}{{ len .Pairs }}", "v1");
}

#[test]
fn spaces_and_comments_vanish_where_marked() {
    shows("a \n {{- .Name -}} \n b", "awebb");
    shows("a {{/* a comment */}} b {{- /* another */ -}} c", "a  bc");
    shows("{{ 3 -}} x", "3x");
    shows("{{ -3 }}{{ .Count\n}}", "-33");
}

#[test]
fn templates_use_each_other() {
    shows(
        "{{ define \"item\" }}[{{ . }}]{{ end }}{{ range .List }}{{ template \"item\" . }}{{ end }}",
        "[x][y][z]",
    );
    shows("{{ block \"b\" .Name }}<{{ . }}>{{ end }}", "<web>");
    let mut set = Set::new();
    set.parse("base", "{{ define \"title\" }}old{{ end }}", &NoFunctions).unwrap();
    set.parse("own", "{{ define \"title\" }}new {{ .Name }}{{ end }}", &NoFunctions).unwrap();
    let text = "{{ template \"title\" . }}!";
    let shown = set.render_text("", text, &data(), &NoFunctions, Escape::Text);
    assert_eq!(shown.unwrap(), "new web!");
}

#[test]
fn functions_of_go_compute_what_go_computes() {
    shows(
        "{{ eq .Name \"x\" \"web\" }} {{ ne 1 2 }} {{ le 2 2 }} {{ lt 1.5 2.5 }}",
        "true true true true",
    );
    shows("{{ slice .Name 1 }} {{ slice .List 0 2 }} {{ index .Labels \"b\" }}", "eb [x y] 2");
    shows("{{ print 1 2 \"x\" 3 }}|{{ println \"a\" 1 }}|", "1 2x3|a 1\n|");
    shows(
        "{{ html \"<a>\" }} {{ js \"it's\" }} {{ urlquery \"a b&c\" }}",
        "&lt;a&gt; it\\'s a+b%26c",
    );
    shows(
        "{{ .Labels }} {{ .List }} {{ .Ratio }} {{ .None }}",
        "map[a:1 b:2] [x y z] 0.5 <no value>",
    );
}

#[test]
fn texts_that_do_not_parse_are_refused_in_the_words_of_go() {
    fails("{{ .Name", "template: t:1: unclosed action");
    fails("a\n{{ if }}{{ end }}", "template: t:2: missing value for if");
    fails("{{ if .Name }}", "template: t:1: unexpected EOF");
    fails("{{ end }}", "template: t:1: unexpected {{end}}");
    fails("{{ else }}", "template: t:1: unexpected {{else}}");
    fails("{{ nothing }}", "template: t:1: function \"nothing\" not defined");
    fails("{{ $x }}", "template: t:1: undefined variable \"$x\"");
    fails("{{ if $x := 1 }}{{ end }}{{ $x }}", "template: t:1: undefined variable \"$x\"");
    fails("{{ \"a }}", "template: t:1: unterminated quoted string");
    fails("{{ /* a }}", "template: t:1: unrecognized character in action: U+002F '/'");
    fails("{{/* a }}", "template: t:1: unclosed comment");
    fails("{{ break }}", "template: t:1: {{break}} outside {{range}}");
    fails("{{ .Name | 3 }}", "template: t:1: non executable command in pipeline stage 2");
    fails("{{ (.Name }}", "template: t:1: unclosed left paren");
    fails("{{ 3.4.5 }}", "template: t:1: illegal number syntax: \"3.4.5\"");
}

#[test]
fn what_fails_while_rendering_names_its_place() {
    fails(
        "{{ .Missing }}",
        "template: t:1:3: executing \"t\" at <.Missing>: can't evaluate field Missing in type Data",
    );
    fails(
        "x\n {{ index .List 7 }}",
        "template: t:2:4: executing \"t\" at <index .List 7>: error calling index: index out of range: 7",
    );
    fails(
        "{{ .Name.Foo }}",
        "template: t:1:3: executing \"t\" at <.Name.Foo>: can't evaluate field Foo in type string",
    );
    fails(
        "{{ gt .Ratio 1 }}",
        "template: t:1:3: executing \"t\" at <gt .Ratio 1>: error calling gt: incompatible types for comparison",
    );
    fails(
        "{{ template \"no\" }}",
        "template: t:1:3: executing \"t\" at <{{template \"no\"}}>: template \"no\" not defined",
    );
    fails(
        "{{ .Pairs.Broken }}",
        "template: t:1:3: executing \"t\" at <.Pairs.Broken>: error calling Broken: it is broken",
    );
    fails(
        "{{ len 3 }}",
        "template: t:1:3: executing \"t\" at <len 3>: error calling len: len of type int",
    );
}

#[test]
fn a_template_cannot_use_up_the_process() {
    let small = RenderLimits { output_bytes: 1_000, steps: 10_000, depth: 40 };
    let mut set = Set::new().with_limits(small);
    set.parse("loop", "{{ template \"loop\" }}", &NoFunctions).unwrap();
    set.parse("long", "{{ range 1000000000 }}{{ end }}", &NoFunctions).unwrap();
    set.parse("wide", "{{ range 2000 }}x{{ end }}", &NoFunctions).unwrap();
    let doubling = "{{ $x := \"ab\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}";
    set.parse("doubling", doubling, &NoFunctions).unwrap();
    for name in ["loop", "long", "wide", "doubling"] {
        let ended = set.render(name, &Value::Nil, &NoFunctions, Escape::Text);
        assert!(ended.is_err(), "{name} must end with an error");
    }
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(Template::parse("t", &nested, &NoFunctions).is_err());
    let blocks = "{{ if 1 }}".repeat(5_000);
    assert!(Template::parse("t", &blocks, &NoFunctions).is_err());
}

#[test]
fn html_output_cannot_be_broken_out_of() {
    let mut set = Set::new();
    let text = "<a href=\"{{ .url }}\" title='{{ .text }}'>{{ .text }}</a>{{ .text | safeHtml }}";
    set.parse("t", text, &Upper).unwrap();
    let data = Value::text_map([("url", "javascript:x"), ("text", "<b>'")]);
    let shown = set.render("t", &data, &Upper, Escape::Html).unwrap();
    assert_eq!(shown, "<a href=\"#ZgotmplZ\" title='&lt;b&gt;&#39;'>&lt;b&gt;&#39;</a><b>'");
    set.parse("s", "<script>{{ .text }}</script>", &Upper).unwrap();
    assert!(set.render("s", &data, &Upper, Escape::Html).is_err());
}
