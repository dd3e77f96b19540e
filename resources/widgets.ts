import { arn } from './context';

/** A widget of a CloudWatch dashboard without its place. Its height is in grid units. */
export interface Widget {
  type: 'metric' | 'text' | 'alarm';
  width: number;
  height: number;
  properties: Record<string, unknown>;
}

export interface Line {
  namespace: string;
  metric: string;
  dimensions: Record<string, string>;
  stat: string;
  label: string;
}

/** CloudWatch's grid. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const COLUMNS = 24;
/** So many graphs stand beside each other. */
const GRAPHS = 6;

/** The sections from top to bottom, the widgets of each from left to right. */
export function layout(sections: Widget[][]): (Widget & { x: number; y: number })[] {
  let y = 0;
  return sections.flatMap((section) => {
    let x = 0;
    let height = 0;
    const placed = section.map((widget) => {
      if (x + widget.width > COLUMNS) {
        y += height;
        x = 0;
        height = 0;
      }
      const at = { ...widget, x, y };
      x += widget.width;
      height = Math.max(height, widget.height);
      return at;
    });
    y += height;
    return placed;
  });
}

export const heading = (title: string, about: string): Widget => ({
  type: 'text',
  width: COLUMNS,
  height: 1,
  properties: { markdown: `## ${title}: ${about}`, background: 'transparent' },
});

/** Lines over time; `unit` is what the left axis says. */
export function graph(title: string, unit: 'Count' | 'Seconds' | 'Milliseconds' | 'Bytes', lines: Line[]): Widget {
  return {
    type: 'metric',
    width: COLUMNS / GRAPHS,
    height: 6,
    properties: {
      title,
      view: 'timeSeries',
      stacked: false,
      region: `\${AWS::Region}`,
      period: 60,
      metrics: lines.map(({ namespace, metric, dimensions, stat, label }) => [
        namespace,
        metric,
        ...Object.entries(dimensions).flat(),
        { stat, label },
      ]),
      yAxis: { left: { label: unit, min: 0, showUnits: false } },
      legend: { position: 'bottom' },
    },
  };
}

/** The state of alarms, by their names; CloudWatch shows at most 100 in one widget. */
export const alarmStates = (title: string, names: string[]): Widget => ({
  type: 'alarm',
  width: COLUMNS,
  height: 3,
  properties: {
    title,
    sortBy: 'stateUpdatedTimestamp',
    alarms: names.slice(0, 100).map((name) => arn('cloudwatch', `alarm:${name}`)['Fn::Sub']),
  },
});
