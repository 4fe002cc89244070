//! The graph, drawn: as text for a terminal, for Graphviz, and for Mermaid.
//!
//! The text has one line per stage, each below what it reads. A stage keeps a lane open until its last reader,
//! as in `git log --graph`; where that needs too many lanes for the width, the lines stand without lanes.
//! What each stage reads is written behind it in either case, so that no line has to be followed by eye.

use std::fmt::Write as _;

use crate::graph::Graph;
use crate::stage::StageId;

/// The graph for Graphviz; `name` gives the label of a stage.
pub fn dot<'a>(graph: &Graph, ids: &[StageId], name: impl Fn(StageId) -> &'a str) -> String {
    let mut text = String::from("digraph pipeline {\n");
    let quoted = |id| format!("\"{}\"", name(id).replace('\\', "\\\\").replace('"', "\\\""));
    for &id in ids {
        let _ = writeln!(text, "    {};", quoted(id));
    }
    for (from, to) in edges(graph, ids) {
        let _ = writeln!(text, "    {} -> {};", quoted(from), quoted(to));
    }
    text.push_str("}\n");
    text
}

/// The graph for Mermaid; `name` gives the label of a stage.
pub fn mermaid<'a>(graph: &Graph, ids: &[StageId], name: impl Fn(StageId) -> &'a str) -> String {
    let mut text = String::from("flowchart TD\n");
    for &id in ids {
        let _ = writeln!(text, "    s{}[\"{}\"]", id.0, name(id).replace('"', "#quot;"));
    }
    for (from, to) in edges(graph, ids) {
        let _ = writeln!(text, "    s{} --> s{}", from.0, to.0);
    }
    text
}

/// The edges among `ids`, sorted by reader as `ids` are.
fn edges(graph: &Graph, ids: &[StageId]) -> Vec<(StageId, StageId)> {
    let shown = Shown::new(graph, ids);
    ids.iter().flat_map(|&to| shown.upstream(to).map(move |from| (from, to))).collect()
}

/// Which stages are drawn.
struct Shown<'a> {
    graph: &'a Graph,
    shown: Vec<bool>,
}

impl<'a> Shown<'a> {
    fn new(graph: &'a Graph, ids: &[StageId]) -> Self {
        let mut shown = vec![false; graph.ids().count()];
        for id in ids {
            shown[id.index()] = true;
        }
        Shown { graph, shown }
    }

    fn upstream(&self, id: StageId) -> impl Iterator<Item = StageId> + use<'a, '_> {
        self.graph.upstream(id).iter().copied().filter(|id| self.shown[id.index()])
    }

    fn downstream(&self, id: StageId) -> impl Iterator<Item = StageId> + use<'a, '_> {
        self.graph.downstream(id).iter().copied().filter(|id| self.shown[id.index()])
    }

    /// Each stage after its upstream and, where it can be, right after one of them: that keeps lanes short.
    fn order(&self, ids: &[StageId]) -> Vec<StageId> {
        let mut waiting: Vec<usize> = self.graph.ids().map(|id| self.upstream(id).count()).collect();
        let mut stack: Vec<StageId> = ids.iter().copied().filter(|id| waiting[id.index()] == 0).collect();
        stack.sort_unstable_by(|a, b| b.cmp(a));
        let mut order = Vec::with_capacity(ids.len());
        while let Some(id) = stack.pop() {
            order.push(id);
            let mut ready = Vec::new();
            for reader in self.downstream(id) {
                waiting[reader.index()] -= 1;
                if waiting[reader.index()] == 0 {
                    ready.push(reader);
                }
            }
            stack.extend(ready.into_iter().rev());
        }
        order
    }
}

/// One stage's line before it is fitted to a width.
struct Row {
    lanes: String,
    id: StageId,
}

/// The graph as lines of at most `width` columns. `label` gives what stands for a stage; its width in columns is
/// taken to be its number of characters.
pub fn text<'a>(graph: &Graph, ids: &[StageId], width: usize, label: impl Fn(StageId) -> &'a str) -> String {
    let shown = Shown::new(graph, ids);
    let order = shown.order(ids);
    let rows = draw(&shown, &order);
    let lanes = rows.iter().map(|row| row.lanes.chars().count()).max().unwrap_or(0);
    let with_lanes = lanes <= (width / 3).max(8);
    let names = order.iter().map(|&id| label(id).chars().count()).max().unwrap_or(0);
    let names = names.min(width / 2);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        if with_lanes {
            let _ = write!(line, "{:lanes$}  ", row.lanes);
        }
        let upstream: Vec<&str> = shown.upstream(row.id).map(&label).collect();
        if upstream.is_empty() {
            line.push_str(label(row.id));
        } else {
            let _ = write!(line, "{:names$}  ← {}", label(row.id), upstream.join(", "));
        }
        text.push_str(&fit(line.trim_end(), width));
        text.push('\n');
    }
    text
}

fn fit(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Lays lanes: each belongs to the stage that opened it, until the last reader of that stage is drawn.
fn draw(shown: &Shown<'_>, order: &[StageId]) -> Vec<Row> {
    let mut lanes: Vec<Option<StageId>> = Vec::new();
    let mut readers: Vec<usize> = shown.graph.ids().map(|id| shown.downstream(id).count()).collect();
    let mut rows = Vec::with_capacity(order.len());
    for &id in order {
        let upstream: Vec<StageId> = shown.upstream(id).collect();
        for from in &upstream {
            readers[from.index()] -= 1;
        }
        let reads = |lane: &Option<StageId>| lane.is_some_and(|owner| upstream.contains(&owner));
        let ends =
            |lane: &Option<StageId>| reads(lane) && lane.is_some_and(|owner| readers[owner.index()] == 0);
        let free = |lane: &Option<StageId>| lane.is_none();
        let own = lanes.iter().position(ends).or_else(|| lanes.iter().position(free)).unwrap_or(lanes.len());
        if own == lanes.len() {
            lanes.push(None);
        }
        let joined: Vec<usize> = (0..lanes.len()).filter(|&at| at == own || reads(&lanes[at])).collect();
        let cells: Vec<Cell> = lanes
            .iter()
            .enumerate()
            .map(|(at, lane)| match lane {
                _ if at == own && upstream.is_empty() => Cell::Source,
                _ if at == own => Cell::Stage,
                lane if ends(lane) => Cell::Ends,
                lane if reads(lane) => Cell::Joins,
                Some(_) => Cell::Passes,
                None => Cell::Free,
            })
            .collect();
        rows.push(Row { lanes: spell(&cells, &joined), id });
        for lane in &mut lanes {
            if lane.is_some_and(|owner| readers[owner.index()] == 0) {
                *lane = None;
            }
        }
        lanes[own] = (readers[id.index()] > 0).then_some(id);
        while lanes.last().is_some_and(Option::is_none) {
            lanes.pop();
        }
    }
    rows
}

/// What one lane shows on one line.
#[derive(Clone, Copy)]
enum Cell {
    /// The stage of the line, which reads nothing that is drawn.
    Source,
    /// The stage of the line.
    Stage,
    /// Is read by it, and by nobody after.
    Ends,
    /// Is read by it, and by others below.
    Joins,
    /// Has nothing to do with it.
    Passes,
    /// Nobody's.
    Free,
}

/// One character per lane, one between two; a line runs from the first to the last lane that is `joined`.
fn spell(cells: &[Cell], joined: &[usize]) -> String {
    let (first, last) = (joined.first().copied().unwrap_or(0), joined.last().copied().unwrap_or(0));
    let mut text = String::new();
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(if at > first && at <= last { '─' } else { ' ' });
        }
        text.push(match cell {
            Cell::Source => '○',
            Cell::Stage => '●',
            Cell::Ends if at == first => '└',
            Cell::Ends if at == last => '┘',
            Cell::Ends => '┴',
            Cell::Joins if at == first => '├',
            Cell::Joins if at == last => '┤',
            Cell::Joins => '┼',
            Cell::Passes => '│',
            Cell::Free if at > first && at < last => '─',
            Cell::Free => ' ',
        });
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::{graph_of, stage};

    #[test]
    fn drawn_in_three_ways() {
        let stages = [
            stage("get", &[], &["raw"]),
            stage("split", &["raw"], &["a", "b"]),
            stage("train", &["a"], &["model"]),
            stage("plot", &["raw"], &["plot.json"]),
            stage("eval", &["model", "b"], &["score"]),
            stage("alone", &[], &["x"]),
        ];
        let graph = graph_of(&stages).expect("a graph");
        let ids: Vec<StageId> = graph.ids().collect();
        let name = |id: StageId| stages[id.index()].address.name.as_str();
        let drawn = text(&graph, &ids, 80, name);
        let expected = "\
○      get
├─●    split  ← get
│ ├─●  train  ← split
│ ●─┘  eval   ← split, train
●      plot   ← get
○      alone
";
        assert_eq!(drawn, expected);
        assert_eq!(
            dot(&graph, &ids[..2], name),
            "digraph pipeline {\n    \"get\";\n    \"split\";\n    \"get\" -> \"split\";\n}\n"
        );
        assert_eq!(
            mermaid(&graph, &ids[..2], name),
            "flowchart TD\n    s0[\"get\"]\n    s1[\"split\"]\n    s0 --> s1\n"
        );
    }

    #[test]
    fn every_stage_has_its_line_within_the_width() {
        let outs: Vec<String> = (0..50).map(|at| format!("out{at}")).collect();
        let mut stages: Vec<_> =
            outs.iter().enumerate().map(|(at, out)| stage(&format!("stage{at}"), &[], &[out])).collect();
        let deps: Vec<&str> = outs.iter().map(String::as_str).collect();
        stages.push(stage("all", &deps, &["last"]));
        let graph = graph_of(&stages).expect("a graph");
        let ids: Vec<StageId> = graph.ids().collect();
        let drawn = text(&graph, &ids, 80, |id| stages[id.index()].address.name.as_str());
        assert_eq!(drawn.lines().count(), 51);
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }
}
