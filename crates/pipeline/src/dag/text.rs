//! The drawing as lines, one per node, each below what it reads.
//!
//! A node keeps a lane open until its last reader, as in `git log --graph`; where that needs too many lanes for the
//! width, the lines stand without lanes. What each node reads is written behind it in either case, so that no line has
//! to be followed by eye.

use std::fmt::Write as _;

use super::{Drawing, Mark};

/// The lines, of at most `width` columns; `paint` colours what it is given.
pub(super) fn lines(drawing: &Drawing, width: usize, paint: &dyn Fn(Mark, &str) -> String) -> String {
    let order = order(drawing);
    let rows = draw(drawing, &order);
    let lanes = rows.iter().map(|row| row.lanes.chars().count()).max().unwrap_or(0);
    let with_lanes = lanes <= (width / 3).max(8);
    let labels: Vec<String> = drawing.nodes.iter().map(super::Node::marked_label).collect();
    let names = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).min(width / 2);
    let mut text = String::new();
    for row in rows {
        let lanes = if with_lanes { format!("{:lanes$}  ", row.lanes) } else { String::new() };
        let (label, upstream) = (&labels[row.node], &drawing.upstream[row.node]);
        let read: Vec<&str> = upstream.iter().map(|&from| drawing.nodes[from].label.as_str()).collect();
        let read = match read.as_slice() {
            [] => String::new(),
            read => {
                let gap = names.saturating_sub(label.chars().count());
                format!("{:gap$}  ← {}", "", read.join(", "))
            }
        };
        // Cut first, colour then: what is written for colours has no width.
        let line = fit(&format!("{lanes}{label}{read}"), width);
        let (start, end) = (lanes.chars().count(), lanes.chars().count() + label.chars().count());
        let part = |from: usize, to: usize| -> String { line.chars().skip(from).take(to - from).collect() };
        let painted = match drawing.nodes[row.node].mark {
            Some(mark) => paint(mark, &part(start, end)),
            None => part(start, end),
        };
        let _ = writeln!(text, "{}{painted}{}", part(0, start), part(end, width.max(end)));
    }
    text
}

fn fit(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Each node after those it reads and, where it can be, right after one of them: that keeps lanes short. In a circle,
/// the first of its nodes goes first.
fn order(drawing: &Drawing) -> Vec<usize> {
    let mut waiting: Vec<usize> = drawing.upstream.iter().map(Vec::len).collect();
    let mut stack: Vec<usize> = (0..waiting.len()).rev().filter(|at| waiting[*at] == 0).collect();
    let mut placed = vec![false; waiting.len()];
    let mut order = Vec::with_capacity(waiting.len());
    let mut rest = 0..waiting.len();
    loop {
        let Some(at) = stack.pop().or_else(|| rest.find(|at| !placed[*at])) else { return order };
        if std::mem::replace(&mut placed[at], true) {
            continue;
        }
        order.push(at);
        let mut ready = Vec::new();
        for &reader in &drawing.downstream[at] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(reader);
            }
        }
        stack.extend(ready.into_iter().rev());
    }
}

/// One node's line before it is fitted to a width.
struct Row {
    lanes: String,
    node: usize,
}

/// Lays lanes: each belongs to the node that opened it, until the last reader of that node is drawn.
fn draw(drawing: &Drawing, order: &[usize]) -> Vec<Row> {
    let mut lanes: Vec<Option<usize>> = Vec::new();
    let mut readers: Vec<usize> = drawing.downstream.iter().map(Vec::len).collect();
    let mut rows = Vec::with_capacity(order.len());
    for &node in order {
        let upstream = &drawing.upstream[node];
        for &from in upstream {
            readers[from] -= 1;
        }
        let reads = |lane: &Option<usize>| lane.is_some_and(|owner| upstream.contains(&owner));
        let ends = |lane: &Option<usize>| reads(lane) && lane.is_some_and(|owner| readers[owner] == 0);
        let free = |lane: &Option<usize>| lane.is_none();
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
        rows.push(Row { lanes: spell(&cells, &joined), node });
        for lane in &mut lanes {
            if lane.is_some_and(|owner| readers[owner] == 0) {
                *lane = None;
            }
        }
        lanes[own] = (readers[node] > 0).then_some(node);
        while lanes.last().is_some_and(Option::is_none) {
            lanes.pop();
        }
    }
    rows
}

/// What one lane shows on one line.
#[derive(Clone, Copy)]
enum Cell {
    /// The node of the line, which reads nothing that is drawn.
    Source,
    /// The node of the line.
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
    use crate::dag::{Drawing, Node};
    use crate::graph::tests::{graph_of, stage};
    use crate::stage::StageId;

    #[test]
    fn every_stage_has_its_line_within_the_width() {
        let outs: Vec<String> = (0..50).map(|at| format!("out{at}")).collect();
        let mut stages: Vec<_> =
            outs.iter().enumerate().map(|(at, out)| stage(&format!("stage{at}"), &[], &[out])).collect();
        let deps: Vec<&str> = outs.iter().map(String::as_str).collect();
        stages.push(stage("all", &deps, &["last"]));
        let graph = graph_of(&stages).expect("a graph");
        let ids: Vec<StageId> = graph.ids().collect();
        let node = |id: StageId| Node { label: stages[id.index()].address.name.clone(), mark: None };
        let drawn = Drawing::stages(&graph, &ids, node).text(80, false);
        assert_eq!(drawn.lines().count(), 51);
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }
}
