//! The data points of figures, for programs.

use serde_json::{Map, Value as Json, json};

use super::{Figure, Shape};
use crate::cell::json_float;

/// `{"plots": […]}`, one entry per figure: `name`, `title`, `kind` (`series`, `bars`, `confusion`, `images`),
/// labels, and the points as they stand in the files, not thinned and not smoothed. A gap is null.
pub fn json(figures: &[Figure]) -> String {
    let plots: Vec<Json> = figures.iter().map(entry).collect();
    serde_json::to_string_pretty(&json!({ "plots": plots })).expect("figures are plain data") + "\n"
}

fn entry(figure: &Figure) -> Json {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(figure.name));
    entry.insert("title".to_owned(), json!(figure.title));
    let mut put = |key: &str, value: Json| entry.insert(key.to_owned(), value);
    if !matches!(figure.shape, Shape::Images(_)) {
        put("x_label", json!(figure.x_label));
        put("y_label", json!(figure.y_label));
    }
    match &figure.shape {
        Shape::Series(series) => {
            put("kind", json!("series"));
            put("template", json!(series.template.name()));
            let point = |&(x, y): &(f64, f64)| {
                let x = match &series.categories {
                    Some(categories) => json!(categories[x as usize]),
                    None => number(x),
                };
                json!({"x": x, "y": number(y)})
            };
            let traces = series.traces.iter().map(|trace| {
                let points: Vec<Json> = trace.points.iter().map(point).collect();
                json!({"revision": trace.revision, "y": trace.column, "points": points})
            });
            put("traces", traces.collect());
        }
        Shape::Bars(bars) => {
            put("kind", json!("bars"));
            put("categories", json!(bars.categories));
            let traces = bars.traces.iter().map(|(name, _, lengths)| {
                let lengths: Vec<Json> = lengths.iter().copied().map(number).collect();
                json!({"name": name, "values": lengths})
            });
            put("traces", traces.collect());
        }
        Shape::Confusion(confusion) => {
            put("kind", json!("confusion"));
            put("normalized", json!(confusion.normalized));
            put("classes", json!(confusion.classes));
            let row = |row: &Vec<f64>| row.iter().copied().map(number).collect::<Json>();
            let matrices = confusion.matrices.iter().map(|matrix| {
                json!({"revision": matrix.revision, "rows": matrix.cells.iter().map(row).collect::<Json>()})
            });
            put("matrices", matrices.collect());
        }
        Shape::Images(images) => {
            put("kind", json!("images"));
            let images = images.iter().map(|(revision, image)| {
                json!({"revision": revision, "media_type": image.media_type, "bytes": image.bytes.len()})
            });
            put("images", images.collect());
        }
    }
    if !figure.notes.is_empty() {
        entry.insert("notes".to_owned(), json!(figure.notes));
    }
    Json::Object(entry)
}

/// Whole numbers whole; infinities as `metrics show` writes them; a gap is null.
fn number(value: f64) -> Json {
    if value.is_nan() {
        Json::Null
    } else if value.fract() == 0.0 && value.abs() < 9e15 {
        Json::from(value as i64)
    } else {
        json_float(value)
    }
}
