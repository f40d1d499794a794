//! Parses the conditions of a list: literals, and match objects of exactly one operator.

use ipnet::IpNet;

use super::{
    condition::{Comparison, Condition, Test},
    leaf::Leaf,
    number::Number,
    refusal::{Refusal, RefusalCode, closest},
    text::{Folded, TextTest, Wildcard},
    tree::{Node, Value, below},
};

/// Every operator that a match object may have.
const OPERATORS: &[&str] = &[
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "wildcard-ignore-case",
    "contains",
    "anything-but",
    "numeric",
    "cidr",
    "exists",
];

/// The operators that `anything-but` can turn around.
const TURNED_AROUND: &[&str] = &["prefix", "suffix", "equals-ignore-case", "wildcard"];

/// Parses the condition that stands at `at`.
pub fn condition(node: &Node<'_>, at: &str) -> Result<Condition, Refusal> {
    let test = match &node.value {
        Value::Leaf(leaf) => Test::Equals(leaf.clone()),
        Value::Object(fields) => match_object(fields, at)?,
        Value::List(_) => {
            let message = "a list of conditions holds no lists: write the values side by side";
            return Err(Refusal::new(at, RefusalCode::NestedList, message));
        }
    };
    let json = node.text.to_owned();
    Ok(Condition { test, json })
}

fn match_object(fields: &[(String, Node<'_>)], at: &str) -> Result<Test, Refusal> {
    let (operator, operand) = only_field(fields, at)?;
    let place = below(at, operator);
    match operator {
        "anything-but" => anything_but(operand, &place),
        "numeric" => numeric(operand, &place),
        "cidr" => cidr(operand, &place),
        "exists" => exists(operand, &place),
        _ if OPERATORS.contains(&operator) => text_test(operator, operand, &place).map(Test::Text),
        unknown => Err(unknown_operator(unknown, OPERATORS, place)),
    }
}

fn only_field<'n, 'j>(
    fields: &'n [(String, Node<'j>)],
    at: &str,
) -> Result<(&'n str, &'n Node<'j>), Refusal> {
    match fields {
        [(operator, operand)] => Ok((operator, operand)),
        [] => Err(Refusal::new(
            at,
            RefusalCode::EmptyObject,
            r#"a match object has one operator, as in {"prefix": "a"}"#,
        )),
        [(first, _), (second, _), ..] => Err(Refusal::new(
            at,
            RefusalCode::SeveralOperators,
            format!(
                "a match object has exactly one operator: write {first:?} and {second:?} as two objects if either may hold, or use $not or $or beside the field"
            ),
        )),
    }
}

fn unknown_operator(unknown: &str, known: &[&str], place: String) -> Refusal {
    let message = match closest(unknown, known) {
        Some(meant) => format!("unknown operator {unknown:?}; did you mean {meant:?}?"),
        None => format!(
            "unknown operator {unknown:?}: a match object has one of {} (and fields inside an object go down without a list)",
            known.join(", ")
        ),
    };
    Refusal::new(place, RefusalCode::UnknownOperator, message)
}

fn text_test(operator: &str, operand: &Node<'_>, at: &str) -> Result<TextTest, Refusal> {
    if let (Value::Object(fields), "prefix" | "suffix") = (&operand.value, operator) {
        return ignoring_case(operator, fields, at);
    }
    let Some(text) = string(operand) else {
        let message = format!(r#"{operator} takes a string, as in {{"{operator}": "a"}}"#);
        return Err(Refusal::new(at, RefusalCode::WrongOperand, message));
    };
    let wildcard = || {
        let parsed = Wildcard::parse(text);
        parsed.map_err(|message| Refusal::new(at, RefusalCode::BadWildcard, message))
    };
    Ok(match operator {
        "prefix" => TextTest::Prefix(text.to_owned()),
        "suffix" => TextTest::Suffix(text.to_owned()),
        "contains" => TextTest::Contains(text.to_owned()),
        "equals-ignore-case" => TextTest::EqualsIgnoreCase(Folded::of(text)),
        "wildcard" => TextTest::Wildcard(wildcard()?),
        _ => TextTest::WildcardIgnoreCase(wildcard()?.folded()),
    })
}

/// The inside of `{"prefix": {"equals-ignore-case": s}}` or of the same with suffix.
fn ignoring_case(
    operator: &str,
    fields: &[(String, Node<'_>)],
    at: &str,
) -> Result<TextTest, Refusal> {
    let (inner, operand) = only_field(fields, at)?;
    let place = below(at, inner);
    if inner != "equals-ignore-case" {
        return Err(unknown_operator(inner, &["equals-ignore-case"], place));
    }
    let folded = string(operand).map(Folded::of).ok_or_else(|| {
        let message = r#"equals-ignore-case takes a string, as in {"equals-ignore-case": "a"}"#;
        Refusal::new(place, RefusalCode::WrongOperand, message)
    })?;
    Ok(match operator {
        "prefix" => TextTest::PrefixIgnoreCase(folded),
        _ => TextTest::SuffixIgnoreCase(folded),
    })
}

fn anything_but(operand: &Node<'_>, at: &str) -> Result<Test, Refusal> {
    match &operand.value {
        Value::Leaf(leaf) => unwanted(leaf, at).map(|leaf| Test::AnythingBut(vec![leaf])),
        Value::List(nodes) => unwanted_list(nodes, at).map(Test::AnythingBut),
        Value::Object(fields) => {
            let (operator, operand) = only_field(fields, at)?;
            let place = below(at, operator);
            if !TURNED_AROUND.contains(&operator) {
                return Err(unknown_operator(operator, TURNED_AROUND, place));
            }
            unwanted_tests(operator, operand, &place).map(Test::AnythingButText)
        }
    }
}

fn unwanted(leaf: &Leaf, at: &str) -> Result<Leaf, Refusal> {
    match leaf {
        Leaf::Text(_) | Leaf::Number(_) => Ok(leaf.clone()),
        Leaf::Null | Leaf::Bool(_) => Err(bad_anything_but(
            at,
            format!("anything-but takes strings or numbers, not {leaf}: put it under $not instead"),
        )),
    }
}

fn unwanted_list(nodes: &[Node<'_>], at: &str) -> Result<Vec<Leaf>, Refusal> {
    if nodes.is_empty() {
        let message = r#"an empty list excludes nothing: {"exists": true} holds for any value"#;
        return Err(bad_anything_but(at, message));
    }
    let parsed = nodes.iter().enumerate().map(|(index, node)| {
        let place = below(at, index);
        match &node.value {
            Value::Leaf(leaf) => unwanted(leaf, &place),
            _ => Err(bad_anything_but(
                &place,
                "the list of anything-but holds only strings or only numbers",
            )),
        }
    });
    let leaves: Vec<_> = parsed.collect::<Result<_, _>>()?;
    let strings = leaves.iter().filter(|leaf| leaf.as_text().is_some());
    if ![0, leaves.len()].contains(&strings.count()) {
        let message = "the list of anything-but holds only strings or only numbers, not both";
        return Err(bad_anything_but(at, message));
    }
    Ok(leaves)
}

fn unwanted_tests(operator: &str, operand: &Node<'_>, at: &str) -> Result<Vec<TextTest>, Refusal> {
    match &operand.value {
        Value::List(nodes) if nodes.is_empty() => Err(bad_anything_but(
            at,
            format!("an empty list excludes nothing: name the {operator}s that shall not match"),
        )),
        Value::List(nodes) => {
            let tests = nodes.iter().enumerate();
            tests
                .map(|(index, node)| unwanted_test(operator, node, &below(at, index)))
                .collect()
        }
        _ => Ok(vec![unwanted_test(operator, operand, at)?]),
    }
}

fn unwanted_test(operator: &str, operand: &Node<'_>, at: &str) -> Result<TextTest, Refusal> {
    match (operator, string(operand)) {
        (_, None) => Err(bad_anything_but(
            at,
            format!("{operator} inside anything-but takes a string or a list of strings"),
        )),
        ("prefix" | "suffix", Some("")) => Err(bad_anything_but(
            at,
            format!(
                "every string has the empty {operator}, so nothing but other types would match"
            ),
        )),
        _ => text_test(operator, operand, at),
    }
}

fn bad_anything_but(at: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(at, RefusalCode::BadAnythingBut, message)
}

fn numeric(operand: &Node<'_>, at: &str) -> Result<Test, Refusal> {
    let nodes = match &operand.value {
        Value::List(nodes) if matches!(nodes.len(), 2 | 4) => nodes,
        _ => return Err(bad_numeric(at, "it is neither one comparison nor a range")),
    };
    let bounds = (0..nodes.len()).step_by(2).map(|index| {
        let how = comparison(&nodes[index], &below(at, index))?;
        Ok((how, bound(&nodes[index + 1], &below(at, index + 1))?))
    });
    let bounds: Vec<_> = bounds.collect::<Result<_, _>>()?;
    if let [(low_side, low), (high_side, high)] = bounds.as_slice() {
        check_range((*low_side, low), (*high_side, high), at)?;
    }
    Ok(Test::Numeric(bounds))
}

fn comparison(node: &Node<'_>, at: &str) -> Result<Comparison, Refusal> {
    let named = |(name, _): &&(&str, Comparison)| string(node) == Some(*name);
    let found = Comparison::ALL.iter().find(named);
    found
        .map(|(_, comparison)| *comparison)
        .ok_or_else(|| bad_numeric(at, format!("{} is none of = < <= > >=", node.text)))
}

fn bound(node: &Node<'_>, at: &str) -> Result<Number, Refusal> {
    match &node.value {
        Value::Leaf(Leaf::Number(number)) => Ok(number.clone()),
        _ => Err(bad_numeric(at, format!("{} is no number", node.text))),
    }
}

fn check_range(
    low: (Comparison, &Number),
    high: (Comparison, &Number),
    at: &str,
) -> Result<(), Refusal> {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    if !matches!(low.0, Greater | GreaterOrEqual) {
        return Err(bad_numeric(&below(at, 0), "a range begins with > or >="));
    }
    if !matches!(high.0, Less | LessOrEqual) {
        return Err(bad_numeric(&below(at, 2), "a range ends with < or <="));
    }
    if low.1.order(high.1).is_ge() {
        let (low, high) = (low.1.as_str(), high.1.as_str());
        return Err(bad_numeric(at, format!("{low} is not less than {high}")));
    }
    Ok(())
}

fn bad_numeric(at: &str, what: impl std::fmt::Display) -> Refusal {
    let message = format!(r#"{what}: write [">=", 200], or a range like [">", 0, "<=", 5]"#);
    Refusal::new(at, RefusalCode::BadNumeric, message)
}

fn cidr(operand: &Node<'_>, at: &str) -> Result<Test, Refusal> {
    let Some(text) = string(operand) else {
        let message = r#"cidr takes a string, as in {"cidr": "10.0.0.0/8"}"#;
        return Err(Refusal::new(at, RefusalCode::WrongOperand, message));
    };
    let refused = |message| Err(Refusal::new(at, RefusalCode::BadCidr, message));
    match text.parse::<IpNet>() {
        Ok(block) if block.prefix_len() == block.max_prefix_len() => refused(format!(
            "a block of one address is that address: write {:?} as a plain string",
            block.addr().to_string()
        )),
        Ok(block) => Ok(Test::Cidr(block.trunc())),
        Err(_) => refused(format!(
            "{text:?} is no block of addresses: write it like 10.0.0.0/8 or 2001:db8::/32"
        )),
    }
}

fn exists(operand: &Node<'_>, at: &str) -> Result<Test, Refusal> {
    match operand.value {
        Value::Leaf(Leaf::Bool(wanted)) => Ok(Test::Exists(wanted)),
        _ => Err(Refusal::new(
            at,
            RefusalCode::WrongOperand,
            "exists takes true or false",
        )),
    }
}

fn string<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.value {
        Value::Leaf(leaf) => leaf.as_text(),
        _ => None,
    }
}
