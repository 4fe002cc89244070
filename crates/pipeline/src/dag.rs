//! The graph, drawn: as text for a terminal, for Graphviz, and for Mermaid.
//!
//! What is drawn is a [`Drawing`], which knows labels, marks and edges alone: of stages, of groups of them, or of
//! outs. A mark says how a node stands, by a character as well as by colour, so that it is understood without.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base::ProjectPath;
use indexmap::IndexMap;

use crate::graph::Graph;
use crate::special::SpecialName;
use crate::stage::{Stage, StageId};

/// How a stage stands. Ordered: of several, the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Up to date.
    Fresh,
    /// Up to date, since it never runs.
    Frozen,
    /// Not up to date because something before it is not.
    Upstream,
    /// Not up to date.
    Stale,
    /// It cannot be told.
    Unknown,
}

/// How a mark looks.
struct Look {
    sign: char,
    words: &'static str,
    /// SGR parameters for terminals.
    style: &'static str,
    /// Name in Mermaid.
    class: &'static str,
    fill: &'static str,
}

impl Mark {
    /// All marks, in the order of legends.
    const ALL: [Mark; 5] = [Mark::Fresh, Mark::Stale, Mark::Upstream, Mark::Frozen, Mark::Unknown];

    fn look(self) -> Look {
        let (sign, words, style, class, fill) = match self {
            Mark::Fresh => ('✓', "up to date", "32", "fresh", "#c7e9c0"),
            Mark::Stale => ('!', "stale", "33", "stale", "#fee391"),
            Mark::Upstream => ('↑', "after a stale one", "36", "upstream", "#c6e7f2"),
            Mark::Frozen => ('*', "frozen", "94", "frozen", "#c6d3f7"),
            Mark::Unknown => ('?', "cannot be told", "31", "unknown", "#fcbba1"),
        };
        Look { sign, words, style, class, fill }
    }
}

/// Something in a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What is written on it; unlike that of every other node of the drawing.
    pub label: String,
    /// How it stands, where that is to be shown.
    pub mark: Option<Mark>,
}

impl Node {
    /// The label behind the mark's sign.
    fn marked_label(&self) -> String {
        match self.mark {
            Some(mark) => format!("{} {}", mark.look().sign, self.label),
            None => self.label.clone(),
        }
    }
}

/// Nodes, and which of them reads what which writes.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    nodes: Vec<Node>,
    /// By node: those that it reads from. Sorted, each once.
    upstream: Vec<Vec<usize>>,
    /// By node: those that read from it. Sorted, each once.
    downstream: Vec<Vec<usize>>,
}

impl Drawing {
    /// The stages `ids`, in their order, each as `node` has it. Those of equal labels become one node, with the worst
    /// of their marks; such a drawing may have circles.
    pub fn stages(graph: &Graph, ids: &[StageId], node: impl Fn(StageId) -> Node) -> Self {
        let mut nodes: IndexMap<String, Option<Mark>> = IndexMap::new();
        let mut places: BTreeMap<StageId, usize> = BTreeMap::new();
        for &id in ids {
            let Node { label, mark } = node(id);
            let entry = nodes.entry(label);
            places.insert(id, entry.index());
            let worst = entry.or_insert(mark);
            *worst = mark.max(*worst);
        }
        let readers =
            places.iter().flat_map(|(&id, &to)| graph.upstream(id).iter().map(move |from| (from, to)));
        let edges = readers.filter_map(|(from, to)| Some((*places.get(from)?, to))).collect();
        Drawing::new(nodes.into_iter().map(|(label, mark)| Node { label, mark }).collect(), edges)
    }

    /// The outs of the stages `ids`, in their order, each with the mark of its stage. An edge leads from an out to
    /// those of the stages that read it.
    pub fn outs(
        graph: &Graph,
        stages: &[Stage],
        ids: &[StageId],
        mark: impl Fn(StageId) -> Option<Mark>,
    ) -> Self {
        let mut nodes = Vec::new();
        let mut places: BTreeMap<&ProjectPath, usize> = BTreeMap::new();
        let mut outside: BTreeMap<&SpecialName, usize> = BTreeMap::new();
        for &id in ids {
            for out in &stages[id.index()].outs {
                places.insert(&out.path, nodes.len());
                nodes.push(Node { label: out.path.to_string(), mark: mark(id) });
            }
            for out in &stages[id.index()].special_outs {
                outside.insert(&out.name, nodes.len());
                nodes.push(Node { label: out.name.to_string(), mark: mark(id) });
            }
        }
        let mut edges = BTreeSet::new();
        for &id in ids {
            let stage = &stages[id.index()];
            // One that is frozen waits for nobody.
            if stage.frozen {
                continue;
            }
            let inside = graph.read_by(stage).into_iter().filter_map(|(path, _)| places.get(path));
            let is_read = |out: &SpecialName| stage.special.iter().any(|dep| dep.name.overlaps(out));
            let read_outside = outside.iter().filter(|(out, _)| is_read(out)).map(|(_, from)| from);
            let own = stage.outs.iter().map(|out| places[&out.path]);
            let own = own.chain(stage.special_outs.iter().map(|out| outside[&out.name]));
            let own: Vec<usize> = own.collect();
            for &from in inside.chain(read_outside) {
                edges.extend(own.iter().map(|to| (from, *to)));
            }
        }
        Drawing::new(nodes, edges)
    }

    /// Edges from a node to itself say nothing, and are left out.
    fn new(nodes: Vec<Node>, edges: BTreeSet<(usize, usize)>) -> Self {
        let mut drawing = Drawing {
            upstream: vec![Vec::new(); nodes.len()],
            downstream: vec![Vec::new(); nodes.len()],
            nodes,
        };
        for (from, to) in edges.into_iter().filter(|(from, to)| from != to) {
            drawing.upstream[to].push(from);
            drawing.downstream[from].push(to);
        }
        drawing
    }

    /// All edges, by reader.
    fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.upstream.iter().enumerate().flat_map(|(to, from)| from.iter().map(move |&from| (from, to)))
    }

    /// The marks that there are.
    fn marks(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(|mark| self.nodes.iter().any(|node| node.mark == Some(*mark)))
    }

    /// For Graphviz.
    pub fn dot(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let name = |at: usize| quoted(&self.nodes[at].label);
        let mut text = String::from("digraph pipeline {\n");
        for (at, node) in self.nodes.iter().enumerate() {
            let looks = node.mark.map(|mark| {
                let (label, fill) = (quoted(&node.marked_label()), mark.look().fill);
                format!(" [label={label}, style=filled, fillcolor=\"{fill}\"]")
            });
            let _ = writeln!(text, "    {}{};", name(at), looks.unwrap_or_default());
        }
        for (from, to) in self.edges() {
            let _ = writeln!(text, "    {} -> {};", name(from), name(to));
        }
        text.push_str("}\n");
        text
    }

    /// For Mermaid.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for (at, node) in self.nodes.iter().enumerate() {
            let class = node.mark.map(|mark| format!(":::{}", mark.look().class)).unwrap_or_default();
            let label = node.marked_label().replace('"', "#quot;");
            let _ = writeln!(text, "    s{at}[\"{label}\"]{class}");
        }
        for (from, to) in self.edges() {
            let _ = writeln!(text, "    s{from} --> s{to}");
        }
        for Look { class, fill, .. } in self.marks().map(Mark::look) {
            let _ = writeln!(text, "    classDef {class} fill:{fill},stroke:#444,color:#000");
        }
        text
    }

    /// As lines of at most `width` columns, and below them what the marks mean. With `colors`, for a terminal that
    /// has them. The width of a label is taken to be its number of characters.
    pub fn text(&self, width: usize, colors: bool) -> String {
        let paint = |mark: Mark, text: &str| match colors {
            true => format!("\x1b[{}m{text}\x1b[0m", mark.look().style),
            false => text.to_owned(),
        };
        let mut drawn = text::lines(self, width, &paint);
        let legend: Vec<String> = self
            .marks()
            .map(|mark| paint(mark, &format!("{} {}", mark.look().sign, mark.look().words)))
            .collect();
        if !legend.is_empty() {
            let _ = write!(drawn, "\n{}\n", legend.join("  "));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::{graph_of, stage};
    use crate::special::{Special, SpecialOut};

    fn small() -> (Vec<Stage>, Graph, Vec<StageId>) {
        let stages = vec![
            stage("get", &[], &["raw"]),
            stage("split", &["raw"], &["a", "b"]),
            stage("train", &["a"], &["model"]),
            stage("plot", &["raw"], &["plot.json"]),
            stage("eval", &["model", "b"], &["score"]),
            stage("alone", &[], &["x"]),
        ];
        let graph = graph_of(&stages).expect("a graph");
        let ids = graph.ids().collect();
        (stages, graph, ids)
    }

    fn named(stages: &[Stage], mark: fn(StageId) -> Option<Mark>) -> impl Fn(StageId) -> Node {
        move |id| Node { label: stages[id.index()].address.name.clone(), mark: mark(id) }
    }

    #[test]
    fn drawn_in_three_ways() {
        let (stages, graph, ids) = small();
        let drawing = Drawing::stages(&graph, &ids, named(&stages, |_| None));
        let expected = "\
○      get
├─●    split  ← get
│ ├─●  train  ← split
│ ●─┘  eval   ← split, train
●      plot   ← get
○      alone
";
        assert_eq!(drawing.text(80, false), expected);
        let drawing = Drawing::stages(&graph, &ids[..2], named(&stages, |_| None));
        assert_eq!(
            drawing.dot(),
            "digraph pipeline {\n    \"get\";\n    \"split\";\n    \"get\" -> \"split\";\n}\n"
        );
        assert_eq!(drawing.mermaid(), "flowchart TD\n    s0[\"get\"]\n    s1[\"split\"]\n    s0 --> s1\n");
    }

    #[test]
    fn marks_are_signs_and_colours() {
        let (stages, graph, ids) = small();
        let mark = |id: StageId| Some([Mark::Frozen, Mark::Stale, Mark::Upstream][id.index()]);
        let drawing = Drawing::stages(&graph, &ids[..3], named(&stages, mark));
        let expected = "\
○  * get
●  ! split  ← get
●  ↑ train  ← split

! stale  ↑ after a stale one  * frozen
";
        assert_eq!(drawing.text(80, false), expected);
        let colored = drawing.text(80, true);
        assert!(
            colored.starts_with("○  \x1b[94m* get\x1b[0m\n●  \x1b[33m! split\x1b[0m  ← get\n"),
            "{colored}"
        );
        let plain = colored.replace("\x1b[0m", "").replace("\x1b[94m", "").replace("\x1b[33m", "");
        assert_eq!(plain.replace("\x1b[36m", ""), expected, "colour moves nothing");
        let narrow = drawing.text(8, true);
        assert!(narrow.starts_with("○  \x1b[94m* get\x1b[0m\n●  \x1b[33m! sp…\x1b[0m\n"), "{narrow:?}");
        assert!(drawing.dot().contains("\"get\" [label=\"* get\", style=filled, fillcolor=\"#c6d3f7\"];"));
        let mermaid = drawing.mermaid();
        assert!(mermaid.contains("    s1[\"! split\"]:::stale\n"), "{mermaid}");
        assert!(mermaid.ends_with("    classDef frozen fill:#c6d3f7,stroke:#444,color:#000\n"), "{mermaid}");
    }

    #[test]
    fn outs_are_drawn_with_the_outs_they_are_made_of() {
        let (stages, graph, ids) = small();
        let drawing = Drawing::outs(&graph, &stages, &ids, |_| None);
        let expected = "\
○      raw
├─●    a          ← raw
│ ●    model      ← a
├─│─●  b          ← raw
│ ●─┘  score      ← b, model
●      plot.json  ← raw
○      x
";
        assert_eq!(drawing.text(80, false), expected);
    }

    #[test]
    fn outs_outside_are_drawn_too() {
        let name = |text: &str| SpecialName::url(text).expect("a name");
        let mut stages = [stage("a", &[], &["one"]), stage("b", &[], &["two"]), stage("c", &[], &[])];
        let out = |text| vec![SpecialOut { name: name(text), persist: false }];
        let dep = |text| vec![Special { name: name(text), glob: None }];
        stages[0].special_outs = out("remote://r/x");
        stages[1].special = dep("remote://r/x/y");
        stages[2].special = dep("remote://r/z");
        stages[2].special_outs = out("remote://r/out");
        let graph = graph_of(&stages).expect("a graph");
        let ids: Vec<StageId> = graph.ids().collect();
        let drawn = Drawing::outs(&graph, &stages, &ids, |_| None).text(80, false);
        assert!(drawn.contains("two") && drawn.contains("← remote://r/x"), "{drawn}");
        assert_eq!(drawn.matches('←').count(), 1, "{drawn}");
        assert!(drawn.contains("remote://r/out"), "{drawn}");
    }

    #[test]
    fn stages_of_one_label_are_one_node_even_in_a_circle() {
        let stages = [
            stage("a@1", &[], &["one"]),
            stage("b", &["one"], &["two"]),
            stage("a@2", &["two"], &["three"]),
            stage("a@3", &["three"], &["four"]),
            stage("c", &["four"], &["five"]),
        ];
        let graph = graph_of(&stages).expect("a graph");
        let ids: Vec<StageId> = graph.ids().collect();
        let node = |id: StageId| {
            let name = &stages[id.index()].address.name;
            let mark = if name == "a@2" { Mark::Stale } else { Mark::Fresh };
            Node { label: name.split('@').next().unwrap_or_default().to_owned(), mark: Some(mark) }
        };
        let drawn = Drawing::stages(&graph, &ids, node).text(80, false);
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(lines[0].ends_with("! a  ← b") && lines[1].ends_with("✓ b  ← a"), "{drawn}");
        assert!(lines[2].ends_with("✓ c  ← a"), "{drawn}");
    }
}
