//! Parses patterns: from JSON to clauses and branches, refusing whatever could be misread.

use std::collections::HashMap;

use super::{
    operators,
    pattern::{Branch, Clause, MAX_BRANCHES, MAX_BYTES, MAX_PATHS, Not, Pattern},
    refusal::{Refusal, RefusalCode, closest},
    tree::{self, Node, Value, below},
};

impl Pattern {
    /// Parses the JSON text of a pattern.
    ///
    /// # Errors
    /// The first thing in it that is not well-formed, could be misread, or goes beyond a limit.
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        if json.len() > MAX_BYTES {
            let message = format!(
                "the pattern has {} bytes and may have {MAX_BYTES}: split it into several rules",
                json.len()
            );
            return Err(Refusal::new("", RefusalCode::TooLarge, message));
        }
        let root = tree::read(json)?;
        let Value::Object(fields) = &root.value else {
            let message = r#"a pattern is an object, as in {"data": {"state": ["failed"]}}"#;
            return Err(Refusal::new("", RefusalCode::RootNotObject, message));
        };
        let mut parser = Parser::default();
        let branches = parser.scope(fields, "", "")?;
        parser.finish(branches, root.text)
    }
}

#[derive(Default)]
struct Parser {
    clauses: Vec<Clause>,
    nots: Vec<Not>,
    /// How many branches the `$not`s have.
    in_nots: usize,
}

/// The paths that are named side by side, and where.
type Named = HashMap<String, String>;

impl Parser {
    /// An object whose paths may be named again elsewhere.
    fn scope(&mut self, fields: &Fields<'_>, path: &str, at: &str) -> Result<Branches, Refusal> {
        self.object(fields, path, at, &mut Named::new())
    }

    fn object(
        &mut self,
        fields: &Fields<'_>,
        path: &str,
        at: &str,
        named: &mut Named,
    ) -> Result<Branches, Refusal> {
        if fields.is_empty() {
            let message = if at.is_empty() {
                "an empty pattern asks for nothing: leave it out to match every content"
            } else {
                r#"an empty object asks for nothing: [{"exists": true}] holds for any value"#
            };
            return Err(Refusal::new(at, RefusalCode::EmptyObject, message));
        }
        let mut branches = vec![Branch::default()];
        for (key, node) in fields {
            let place = below(at, key);
            let more = match key.as_str() {
                "$or" => self.or(node, path, &place)?,
                "$not" => self.not(node, path, &place)?,
                name => {
                    check_name(name, &place)?;
                    self.field(node, &join(path, name), &place, named)?
                }
            };
            branches = self.product(branches, &more, &place)?;
        }
        Ok(branches)
    }

    fn field(
        &mut self,
        node: &Node<'_>,
        path: &str,
        at: &str,
        named: &mut Named,
    ) -> Result<Branches, Refusal> {
        match &node.value {
            Value::Object(fields) => self.object(fields, path, at, named),
            Value::List(conditions) => self.clause(conditions, path, at, named),
            Value::Leaf(_) => Err(Refusal::new(
                at,
                RefusalCode::BareScalar,
                format!(
                    "a field's conditions stand in a list: write [{0}] for the value {0}",
                    node.text
                ),
            )),
        }
    }

    fn clause(
        &mut self,
        nodes: &[Node<'_>],
        path: &str,
        at: &str,
        named: &mut Named,
    ) -> Result<Branches, Refusal> {
        if nodes.is_empty() {
            let message = r#"an empty list can never hold: list the values that shall match, or write [{"exists": false}]"#;
            return Err(Refusal::new(at, RefusalCode::EmptyList, message));
        }
        if let Some(elsewhere) = named.insert(path.to_owned(), at.to_owned()) {
            let message = format!(
                "{elsewhere} names the same path, {path:?}: put all its conditions into one list, or one of the two under $or or $not"
            );
            return Err(Refusal::new(at, RefusalCode::DuplicatePath, message));
        }
        let conditions = nodes.iter().enumerate();
        let conditions =
            conditions.map(|(index, node)| operators::condition(node, &below(at, index)));
        self.clauses.push(Clause {
            pointer: at.to_owned(),
            path: path.to_owned(),
            conditions: conditions.collect::<Result<_, _>>()?,
        });
        Ok(vec![Branch {
            clauses: vec![self.clauses.len() - 1],
            nots: Vec::new(),
        }])
    }

    fn or(&mut self, node: &Node<'_>, path: &str, at: &str) -> Result<Branches, Refusal> {
        let malformed = |at: &str| {
            let message = r#"$or takes a list of at least two objects, as in "$or": [{"a": [1]}, {"b": [2]}]"#;
            Err(Refusal::new(at, RefusalCode::MalformedOr, message))
        };
        let alternatives = match &node.value {
            Value::List(nodes) if nodes.len() >= 2 => nodes,
            _ => return malformed(at),
        };
        let mut branches = Vec::new();
        for (index, alternative) in alternatives.iter().enumerate() {
            let place = below(at, index);
            let Value::Object(fields) = &alternative.value else {
                return malformed(&place);
            };
            branches.extend(self.scope(fields, path, &place)?);
            self.check_branches(branches.len(), at)?;
        }
        Ok(branches)
    }

    fn not(&mut self, node: &Node<'_>, path: &str, at: &str) -> Result<Branches, Refusal> {
        let Value::Object(fields) = &node.value else {
            let message = r#"$not takes an object, as in "$not": {"state": ["failed"]}"#;
            return Err(Refusal::new(at, RefusalCode::MalformedNot, message));
        };
        let branches = self.scope(fields, path, at)?;
        self.in_nots += branches.len();
        self.check_branches(0, at)?;
        self.nots.push(Not {
            pointer: at.to_owned(),
            branches,
        });
        Ok(vec![Branch {
            clauses: Vec::new(),
            nots: vec![self.nots.len() - 1],
        }])
    }

    /// Every branch of one side together with every branch of the other.
    fn product(&self, mut left: Branches, right: &[Branch], at: &str) -> Result<Branches, Refusal> {
        self.check_branches(left.len() * right.len(), at)?;
        if let [only] = right {
            left.iter_mut().for_each(|branch| branch.extend(only));
            return Ok(left);
        }
        let pairs = left
            .iter()
            .flat_map(|branch| right.iter().map(|other| branch.and(other)));
        Ok(pairs.collect())
    }

    fn check_branches(&self, count: usize, at: &str) -> Result<(), Refusal> {
        if self.in_nots + count <= MAX_BRANCHES {
            return Ok(());
        }
        let message = format!(
            "with every $or expanded this comes to more than {MAX_BRANCHES} branches: split it into several rules"
        );
        Err(Refusal::new(at, RefusalCode::TooManyBranches, message))
    }

    fn finish(mut self, mut branches: Branches, json: &str) -> Result<Pattern, Refusal> {
        self.sort(&mut branches);
        let mut nots = std::mem::take(&mut self.nots);
        nots.iter_mut().for_each(|not| self.sort(&mut not.branches));
        for branch in nots.iter().flat_map(|not| &not.branches).chain(&branches) {
            self.check_paths(branch)?;
        }
        Ok(Pattern {
            json: json.to_owned(),
            clauses: self.clauses,
            nots,
            branches,
        })
    }

    /// Brings branches into the order of their clauses' paths and places, which no order of
    /// fields changes.
    fn sort(&self, branches: &mut Branches) {
        let key = |clause: &usize| {
            let clause = &self.clauses[*clause];
            (&clause.path, &clause.pointer)
        };
        for branch in branches.iter_mut() {
            branch.clauses.sort_by_key(key);
            branch.nots.sort_by_key(|not| &self.nots[*not].pointer);
        }
        branches.sort_by(|left, right| {
            let keys = left.clauses.iter().map(key);
            keys.cmp(right.clauses.iter().map(key))
        });
    }

    /// The clauses of `branch` are sorted by path.
    fn check_paths(&self, branch: &Branch) -> Result<(), Refusal> {
        let mut clauses: Vec<_> = branch.clauses.iter().map(|at| &self.clauses[*at]).collect();
        clauses.dedup_by_key(|clause| &clause.path);
        let Some(beyond) = clauses.get(MAX_PATHS) else {
            return Ok(());
        };
        let message = format!(
            "one branch asks for {} paths and may ask for {MAX_PATHS}: split it into several rules",
            clauses.len()
        );
        let place = &beyond.pointer;
        Err(Refusal::new(place, RefusalCode::TooManyPaths, message))
    }
}

type Fields<'j> = [(String, Node<'j>)];
type Branches = Vec<Branch>;

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Keywords may not pass for fields, whatever their spelling and wherever a dotted key hides them.
fn check_name(name: &str, at: &str) -> Result<(), Refusal> {
    let Some(keyword) = name.split('.').find(|token| token.starts_with('$')) else {
        return Ok(());
    };
    let message = if keyword != name {
        format!("{keyword:?} cannot stand in a dotted key: write it as a key of its own")
    } else if let Some(meant) = closest(name, &["$or", "$not"]) {
        format!("unknown keyword {name:?}; did you mean {meant:?}?")
    } else {
        format!("unknown keyword {name:?}: keys that begin with $ are $or and $not")
    };
    Err(Refusal::new(at, RefusalCode::UnknownKeyword, message))
}
