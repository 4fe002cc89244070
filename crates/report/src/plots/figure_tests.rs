//! What is drawn, from small tables.

use super::*;
use crate::plots::{json, svg, text};

fn records(text: &str) -> Content {
    Content::Records(Records::from_delimited(text.as_bytes(), b',', true).expect("rows"))
}

fn plot(options: PlotOptions, parts: &[(&str, &str)]) -> (Plot, Vec<String>) {
    let part =
        |(revision, text): &(&str, &str)| Part { revision: (*revision).to_owned(), content: records(text) };
    let plot = Plot { name: "a.csv".into(), options, parts: parts.iter().map(part).collect() };
    (plot, parts.iter().map(|(revision, _)| (*revision).to_owned()).collect())
}

fn draw(options: PlotOptions, parts: &[(&str, &str)]) -> Result<Figure, String> {
    let (plot, revisions) = plot(options, parts);
    figure(&plot, &revisions)
}

fn with(template: Template, x: Option<&str>, y: &[&str]) -> PlotOptions {
    PlotOptions {
        template: Some(template),
        x: x.map(str::to_owned),
        y: y.iter().map(|name| (*name).to_owned()).collect(),
        ..PlotOptions::default()
    }
}

fn traces(figure: &Figure) -> &[Trace] {
    let Shape::Series(series) = &figure.shape else { panic!("{figure:?}") };
    &series.traces
}

#[test]
fn without_options_the_last_numbers_over_the_row() {
    let figure =
        draw(PlotOptions::default(), &[("workspace", "epoch,loss,name\n5,0.5,a\n6,0.25,b\n")]).unwrap();
    assert_eq!((figure.x_label.as_str(), figure.y_label.as_str()), ("step", "loss"));
    assert_eq!(traces(&figure)[0].points, [(0.0, 0.5), (1.0, 0.25)]);
    assert!(!figure.has_legend());
}

#[test]
fn colours_and_names_tell_revisions_and_columns_apart() {
    let old = "epoch,a,b\n1,1,2\n";
    let new = "epoch,a,b\n1,3,4\n2,5,nan\n";
    let figure =
        draw(with(Template::Linear, Some("epoch"), &["a", "b"]), &[("HEAD", old), ("workspace", new)]);
    let figure = figure.unwrap();
    let told: Vec<_> =
        traces(&figure).iter().map(|trace| (trace.name.as_str(), trace.color, trace.dash)).collect();
    assert_eq!(told, [("HEAD: a", 0, 0), ("workspace: a", 1, 0), ("HEAD: b", 0, 1), ("workspace: b", 1, 1)]);
    assert!(figure.has_legend());
    let alone = draw(with(Template::Linear, None, &["a", "b"]), &[("workspace", new)]).unwrap();
    let told: Vec<_> =
        traces(&alone).iter().map(|trace| (trace.name.as_str(), trace.color, trace.dash)).collect();
    assert_eq!(told, [("a", 0, 0), ("b", 1, 0)]);
    let json = json(&[figure]);
    assert!(json.contains("\"y\": null"), "{json}");
}

#[test]
fn a_column_that_one_revision_lacks_is_noted_and_one_that_all_lack_a_fault() {
    let parts = [("HEAD", "a,b\n1,2\n"), ("workspace", "a,c\n1,3\n")];
    let figure = draw(with(Template::Linear, Some("a"), &["c"]), &parts).unwrap();
    assert_eq!(figure.notes, ["HEAD has no column `c`"]);
    assert_eq!(traces(&figure).len(), 1);
    let fault = draw(with(Template::Linear, None, &["d"]), &parts).unwrap_err();
    assert_eq!(fault, "there is no column `d`; there are a, b, c");
    let words = draw(with(Template::Linear, None, &["b"]), &[("workspace", "a,b\n1,x\n")]).unwrap_err();
    assert_eq!(words, "the column `b` holds no number");
}

#[test]
fn words_along_the_horizontal_axis_are_categories() {
    let parts = [("HEAD", "day,n\nmon,1\ntue,2\n"), ("workspace", "day,n\ntue,3\nwed,4\n")];
    let figure = draw(with(Template::Simple, Some("day"), &[]), &parts).unwrap();
    let Shape::Series(series) = &figure.shape else { panic!("{figure:?}") };
    assert_eq!(series.categories.as_deref(), Some(&["mon".to_owned(), "tue".into(), "wed".into()][..]));
    assert_eq!(series.traces[1].points, [(1.0, 3.0), (2.0, 4.0)]);
    assert!(svg(&figure).contains(">wed</text>"));
}

#[test]
fn confusion_counts_and_shares() {
    let table = "actual,predicted\n10,10\n10,9\n9,9\n9,9\n";
    let counts = draw(with(Template::Confusion, None, &[]), &[("workspace", table)]).unwrap();
    let Shape::Confusion(confusion) = &counts.shape else { panic!("{counts:?}") };
    assert_eq!((counts.x_label.as_str(), counts.y_label.as_str()), ("actual", "predicted"));
    assert_eq!(confusion.classes, ["9", "10"], "by number, not by the alphabet");
    // Row: predicted; column: actual.
    assert_eq!(confusion.matrices[0].cells, [[2.0, 1.0], [0.0, 1.0]]);
    let shares =
        draw(with(Template::ConfusionNormalized, Some("actual"), &[]), &[("workspace", table)]).unwrap();
    let Shape::Confusion(confusion) = &shares.shape else { panic!("{shares:?}") };
    assert_eq!(confusion.matrices[0].cells, [[2.0 / 3.0, 1.0 / 3.0], [0.0, 1.0]]);
    let expected = "\
a.csv
workspace: predicted \\ actual  9  10
9                              2   1
10                             0   1
";
    assert_eq!(text(&[counts], None, false), expected);
    let many: String = (0..200).map(|class| format!("{class},{class}\n")).collect();
    let fault = draw(with(Template::Confusion, None, &[]), &[("workspace", &format!("a,b\n{many}"))]);
    assert_eq!(fault.unwrap_err(), "`a` and `b` hold 200 values; at most 100 classes are drawn");
}

#[test]
fn bars_by_category_and_by_size() {
    let table = "name,score\nlow,1\nhigh,3\nnone,\n";
    for (template, expected) in [
        (Template::BarHorizontal, ["low", "high", "none"]),
        (Template::BarHorizontalSorted, ["high", "low", "none"]),
    ] {
        let figure = draw(with(template, None, &[]), &[("workspace", table)]).unwrap();
        let Shape::Bars(bars) = &figure.shape else { panic!("{figure:?}") };
        assert_eq!(bars.categories, expected);
        assert_eq!((figure.x_label.as_str(), figure.y_label.as_str()), ("score", "name"));
    }
}

#[test]
fn drawings_hold_no_text_unescaped_and_no_number_that_is_none() {
    let table = "x,<b>\n1,1\n2,nan\n3,inf\n4,2\n";
    for template in Template::ALL {
        let figure = draw(with(template, Some("x"), &["<b>"]), &[("a<b", table), ("c", table)]).unwrap();
        let drawing = svg(&figure);
        assert!(!drawing.contains("<b>") && !drawing.contains("a<b"), "{drawing}");
        assert!(!drawing.contains("NaN") && !drawing.contains("inf "), "{drawing}");
    }
    let gap = svg(&draw(with(Template::Simple, Some("x"), &["<b>"]), &[("a", table)]).unwrap());
    assert_eq!(gap.matches('M').count(), 2, "a line on both sides of the gap: {gap}");
}

#[test]
fn courses_in_a_terminal() {
    let parts = [("HEAD", "n,loss\n1,4\n2,3\n3,2\n"), ("workspace", "n,loss\n1,4\n2,2\n3,0.5\n")];
    let figure = draw(with(Template::Linear, Some("n"), &["loss"]), &parts).unwrap();
    let expected = "\
a.csv
series     course  first  last  least  most  points
HEAD       █▅▁         4     2      2     4       3
workspace  █▄▁         4   0.5    0.5     4       3
";
    assert_eq!(text(&[figure], None, false), expected);
}
