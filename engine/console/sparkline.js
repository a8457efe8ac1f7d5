// A small line chart by uPlot that follows its box and the theme. Decorative: the number beside it says the same.
import uPlot from "/vendor/uplot.js";
import { Component, html } from "./html.js";

const HEIGHT_PX = 44;

export class Sparkline extends Component {
  componentDidMount() {
    this.draw();
    this.observer = new ResizeObserver(() => {
      const width = Math.floor(this.box.clientWidth);
      if (width > 0 && width !== this.chart.width) this.chart.setSize({ width, height: HEIGHT_PX });
    });
    this.observer.observe(this.box);
  }

  componentDidUpdate(before) {
    if (before.theme !== this.props.theme) {
      this.chart.destroy();
      this.draw();
    } else if (before.at !== this.props.at) this.chart.setData([this.props.at, this.props.values]);
  }

  componentWillUnmount() {
    this.observer.disconnect();
    this.chart.destroy();
  }

  draw() {
    const { color } = getComputedStyle(this.box);
    const options = {
      width: Math.max(40, Math.floor(this.box.clientWidth)),
      height: HEIGHT_PX,
      padding: [4, 0, 2, 0],
      cursor: { show: false },
      legend: { show: false },
      select: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: { x: { time: false }, y: { range: (_chart, _low, high) => [0, Math.max(high, 1) * 1.1] } },
      series: [
        {},
        {
          stroke: color,
          fill: `color-mix(in srgb, ${color} 12%, transparent)`,
          width: 1.5,
          points: { show: false },
          spanGaps: true,
        },
      ],
    };
    this.chart = new uPlot(options, [this.props.at, this.props.values], this.box);
  }

  render() {
    return html`<div
      class="sparkline"
      aria-hidden="true"
      ref=${(box) => {
        this.box = box;
      }}
    ></div>`;
  }
}
