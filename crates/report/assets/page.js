
// From the figures in #data to Plotly's charts, in the colours of the page.
"use strict";
(() => {
  const { colors, charts } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (index) => colors[index % colors.length];

  const dashes = ["solid", "dash", "dot", "dashdot"];
  const symbols = ["circle", "square", "diamond", "cross"];

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const axis = (title) => {
    const line = css("--line");
    return { title: { text: title, standoff: 12 }, automargin: true, gridcolor: line, linecolor: line, zerolinecolor: line };
  };

  const base = (chart) => {
    const [text, faint, card] = ["--text", "--faint", "--card"].map(css);
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, family: "system-ui, sans-serif", size: 12 },
      margin: { l: 48, r: 12, t: 30, b: 40 }, height: 360,
      xaxis: axis(chart.x), yaxis: axis(chart.y),
      showlegend: Boolean(chart.legend), legend: { orientation: "h", yref: "container", yanchor: "bottom", y: 0 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: faint, activecolor: text },
      hoverlabel: { bgcolor: card, font: { color: text } },
    };
  };

  const named = (places, names) => ({ tickmode: "array", tickvals: places, ticktext: names, type: "linear" });

  const draw = {
    series(chart) {
      const traces = chart.traces.map((trace) => ({
        type: "scatter", name: trace.name, mode: trace.mode, x: trace.x, y: trace.y,
        text: chart.categories ? trace.x.map((at) => chart.categories[at]) : undefined,
        hoverinfo: chart.categories ? "text+y+name" : "x+y+name",
        opacity: trace.faint ? 0.3 : 1, showlegend: trace.named, legendgroup: trace.name,
        line: { color: color(trace.color), width: 2, dash: dashes[trace.dash % dashes.length] },
        marker: { color: color(trace.color), size: 6, symbol: symbols[trace.dash % symbols.length] },
      }));
      const layout = base(chart);
      layout.hovermode = "closest";
      if (chart.categories) {
        // Twenty names at most are written, evenly spread.
        const step = Math.ceil(chart.categories.length / 20);
        const places = chart.categories.map((_, at) => at).filter((at) => at % step === 0);
        Object.assign(layout.xaxis, named(places, places.map((at) => chart.categories[at])));
      }
      return [traces, layout];
    },

    bars(chart) {
      const places = chart.categories.map((_, at) => at);
      const traces = chart.traces.map((trace) => ({
        type: "bar", orientation: "h", name: trace.name, x: trace.values, y: places,
        text: chart.categories, textposition: "none", hoverinfo: "text+x+name",
        marker: { color: color(trace.color) },
      }));
      const layout = base(chart);
      layout.barmode = "group";
      layout.height = Math.max(240, 80 + chart.categories.length * (14 * chart.traces.length + 10));
      Object.assign(layout.yaxis, named(places, chart.categories), { autorange: "reversed" });
      return [traces, layout];
    },

    // Rectangles and texts: the basic bundle of the library has no heat maps.
    confusion(chart) {
      const places = chart.classes.map((_, at) => at);
      const most = Math.max(...chart.rows.flat(), 0);
      const rgb = color(0).match(/\w\w/g).map((part) => parseInt(part, 16)).join(",");
      const shapes = [], x = [], y = [], text = [], hover = [];
      chart.rows.forEach((cells, row) => cells.forEach((cell, column) => {
        const label = chart.normalized ? cell.toFixed(2) : String(cell);
        const depth = most > 0 ? cell / most : 0;
        shapes.push({
          type: "rect", layer: "below", line: { width: 0 }, fillcolor: `rgba(${rgb},${depth})`,
          x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5,
        });
        x.push(column); y.push(row); text.push(label);
        hover.push(`${chart.x}: ${chart.classes[column]}<br>${chart.y}: ${chart.classes[row]}<br>${label}`);
      }));
      const few = chart.classes.length <= 20;
      const traces = [{
        type: "scatter", mode: few ? "text" : "markers", x, y, text: few ? text : hover, hovertext: hover,
        hoverinfo: "text", marker: { opacity: 0, size: 12 },
      }];
      const layout = base(chart);
      const ends = [-0.5, chart.classes.length - 0.5];
      Object.assign(layout.xaxis, named(places, chart.classes), { range: ends, showgrid: false, zeroline: false });
      Object.assign(layout.yaxis, named(places, chart.classes), {
        range: [ends[1], ends[0]], showgrid: false, zeroline: false,
      });
      Object.assign(layout, { shapes, hovermode: "closest" });
      return [traces, layout];
    },
  };

  const all = () => charts.forEach((chart, at) => {
    const [traces, layout] = draw[chart.kind](chart);
    // Named one by one: the library's own set can send the data to its maker.
    const config = { displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
    Plotly.react(`chart-${at}`, traces, layout, config);
  });

  document.querySelectorAll(".revisions li").forEach((item, at) => item.style.setProperty("--color", color(at)));
  all();
  // The page may change its width without the window: beside a side bar, in a frame, on paper.
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => Plotly.Plots.resize(entry.target)));
  document.querySelectorAll(".chart").forEach((chart) => sizes.observe(chart));
  dark.addEventListener("change", all);
})();
