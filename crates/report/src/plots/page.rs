//! Figures as one HTML page that needs nothing besides itself: library, data and images are inside, and its
//! content security policy forbids it to load anything.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value as Json, json};

use super::svg::COLORS;
use super::thin::{MOST_POINTS, thinned};
use super::{Figure, Image, Series, Shape, Template, escape};

/// plotly.js with its licence header; see assets/README.md.
const LIBRARY: &[u8] = include_bytes!("../../assets/plotly-basic.min.js.gz");
const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");

/// No address but those that hold their content themselves; scripts and styles only from the page.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      img-src data: blob:; base-uri 'none'; form-action 'none'";

/// What a page shows besides its figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// The states that are compared; a legend names them where there are several.
    pub revisions: Vec<String>,
    /// What could not be shown, and why.
    pub faults: Vec<String>,
}

/// The page.
pub fn page(page: &Page, figures: &[Figure]) -> String {
    let title = escape(&page.title);
    let mut body = format!("<header><h1>{title}</h1>");
    if page.revisions.len() > 1 {
        let name = |revision: &String| format!("<li>{}</li>", escape(revision));
        let names: String = page.revisions.iter().map(name).collect();
        body.push_str(&format!("<ul class=\"revisions\">{names}</ul>"));
    }
    body.push_str("</header>\n");
    if !page.faults.is_empty() {
        let fault = |fault: &String| format!("<li>{}</li>", escape(fault));
        let faults: String = page.faults.iter().map(fault).collect();
        body.push_str(&format!("<ul class=\"faults\">{faults}</ul>\n"));
    }
    body.push_str("<main>\n");
    let mut specs = Vec::new();
    for figure in figures {
        body.push_str(&section(figure, &mut specs));
    }
    body.push_str("</main>\n<noscript><p>The charts of this page are drawn by a script.</p></noscript>\n");
    let library = if specs.is_empty() { String::new() } else { format!("<script>{}</script>\n", library()) };
    let data = embedded(&json!({"colors": COLORS, "charts": specs}));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}{library}\
         <script type=\"application/json\" id=\"data\">{data}</script>\n<script>{SCRIPT}</script>\n\
         </body>\n</html>\n"
    )
}

fn library() -> String {
    let mut text = String::new();
    GzDecoder::new(LIBRARY).read_to_string(&mut text).expect("the library was packed by us");
    text
}

/// JSON that no content can end early: `<` stands in strings alone, where it may be written as a number.
fn embedded(value: &Json) -> String {
    value.to_string().replace('<', "\\u003c")
}

fn section(figure: &Figure, specs: &mut Vec<Json>) -> String {
    let wide = match &figure.shape {
        Shape::Images(images) => images.len() > 1,
        Shape::Confusion(confusion) => confusion.matrices.len() > 1,
        _ => false,
    };
    let class = if wide { "plot wide" } else { "plot" };
    let mut text = format!("<section class=\"{class}\"><h2>{}</h2>", escape(&figure.title));
    if figure.title != figure.name {
        text.push_str(&format!("<p class=\"file\">{}</p>", escape(&figure.name)));
    }
    let mut notes = figure.notes.clone();
    let mut chart = |spec: Json| {
        specs.push(spec);
        format!("<div class=\"chart\" id=\"chart-{}\"></div>", specs.len() - 1)
    };
    match &figure.shape {
        Shape::Series(each) => {
            let (traces, drawn) = traces(each);
            let all: usize = each.traces.iter().map(|trace| trace.points.len()).sum();
            if drawn < all {
                notes.push(format!("{drawn} of {all} points are drawn; all peaks are among them"));
            }
            text.push_str(&chart(json!({
                "kind": "series", "traces": traces, "categories": escaped(each.categories.as_deref()),
                "x": escape(&figure.x_label), "y": escape(&figure.y_label), "legend": figure.has_legend(),
            })));
        }
        Shape::Bars(bars) => {
            let trace = |(name, color, lengths): &(String, usize, Vec<f64>)| json!({"name": escape(name), "color": color, "values": lengths});
            let traces: Vec<Json> = bars.traces.iter().map(trace).collect();
            text.push_str(&chart(json!({
                "kind": "bars", "traces": traces, "categories": escaped(Some(&bars.categories)),
                "x": escape(&figure.x_label), "y": escape(&figure.y_label), "legend": figure.has_legend(),
            })));
        }
        Shape::Confusion(confusion) => {
            text.push_str("<div class=\"row\">");
            for matrix in &confusion.matrices {
                let revision = escape(&matrix.revision);
                text.push_str(&format!("<figure><figcaption>{revision}</figcaption>"));
                text.push_str(&chart(json!({
                    "kind": "confusion", "rows": matrix.cells, "normalized": confusion.normalized,
                    "classes": escaped(Some(&confusion.classes)),
                    "x": escape(&figure.x_label), "y": escape(&figure.y_label),
                })));
                text.push_str("</figure>");
            }
            text.push_str("</div>");
        }
        Shape::Images(images) => {
            text.push_str("<div class=\"row\">");
            for (revision, image) in images {
                text.push_str(&shown(&figure.name, revision, image));
            }
            text.push_str("</div>");
        }
    }
    for note in notes {
        text.push_str(&format!("<p class=\"note\">{}</p>", escape(&note)));
    }
    text + "</section>\n"
}

fn shown(name: &str, revision: &str, image: &Image) -> String {
    let (name, revision) = (escape(name), escape(revision));
    let source = image.data_uri();
    format!(
        "<figure><figcaption>{revision}</figcaption><img src=\"{source}\" alt=\"{name}, {revision}\"></figure>"
    )
}

/// Plotly reads a little HTML in every text, so that texts are written out there too.
fn escaped(texts: Option<&[String]>) -> Option<Vec<String>> {
    texts.map(|texts| texts.iter().map(|text| escape(text)).collect())
}

/// The traces for the script, and how many of the points are among them.
fn traces(series: &Series) -> (Vec<Json>, usize) {
    let mut traces = Vec::new();
    let mut drawn = 0;
    for trace in &series.traces {
        let points = thinned(&trace.points, MOST_POINTS);
        drawn += points.len();
        let mut push = |mode: &str, points: &[(f64, f64)], faint: bool, named: bool| {
            let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            traces.push(json!({
                "name": escape(&trace.name), "color": trace.color, "dash": trace.dash, "mode": mode, "x": x, "y": y,
                "faint": faint, "named": named,
            }));
        };
        match series.template {
            Template::Scatter => push("markers", &points, false, true),
            Template::Smooth => {
                push("markers", &points, true, false);
                push("lines", &trace.smooth, false, true);
            }
            Template::Linear if points.len() <= 60 => push("lines+markers", &points, false, true),
            _ => push("lines", &points, false, true),
        }
    }
    (traces, drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_whole_and_names_its_licence() {
        let library = library();
        assert!(library.contains("plotly.js (basic - minified) v4.1.1"));
        assert!(library.contains("Licensed under the MIT license"));
        // Nothing in it ends the element that it stands in.
        assert!(!library.to_lowercase().contains("</script"));
        assert!(!SCRIPT.to_lowercase().contains("</script"));
    }

    #[test]
    fn no_text_breaks_out() {
        let hostile = "</script><img src=x onerror=alert(1)>";
        let embedded = embedded(&json!({ "name": hostile }));
        assert!(!embedded.contains('<'), "{embedded}");
        let back: Json = serde_json::from_str(&embedded).expect("JSON");
        assert_eq!(back["name"], hostile);
        let page = page(
            &Page { title: hostile.into(), revisions: vec![hostile.into(); 2], faults: vec![hostile.into()] },
            &[],
        );
        assert!(!page.contains("<img"), "{page}");
    }
}
