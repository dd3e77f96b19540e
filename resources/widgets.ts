import type { Metric } from './metric';
import { arn } from './template';

/** A widget of a CloudWatch dashboard without its position. Width and height are in grid units. */
export interface Widget {
  type: 'metric' | 'text' | 'alarm' | 'log';
  width: number;
  height: number;
  properties: Record<string, unknown>;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html */
const COLUMNS = 24;
const GRAPHS = 6;

/** Places the sections from top to bottom and the widgets of each from left to right. */
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

export const text = (markdown: string): Widget => ({
  type: 'text',
  width: COLUMNS,
  height: 1,
  properties: { markdown, background: 'transparent' },
});

export const heading = (title: string, about: string): Widget => text(`## ${title}: ${about}`);

/** Lines over time: metrics by their labels. `unit` labels the left axis. `limits`: level lines by their labels. */
export function graph(
  title: string,
  unit: 'Count' | 'Seconds' | 'Milliseconds',
  lines: Record<string, Metric>,
  limits: Record<string, number> = {},
): Widget {
  const horizontal = Object.entries(limits).map(([label, value]) => ({ label, value }));
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
      metrics: Object.entries(lines).map(([label, { namespace, name, dimensions, statistic }]) => [
        namespace,
        name,
        ...Object.entries(dimensions).flat(),
        { stat: statistic, label },
      ]),
      yAxis: { left: { label: unit, min: 0, showUnits: false } },
      ...(horizontal.length > 0 && { annotations: { horizontal } }),
      legend: { position: 'bottom' },
    },
  };
}

/** The answer of the functions' logs to a query of CloudWatch Logs Insights, which runs when a person looks. */
export const logTable = (
  title: string,
  { groups, query, view = 'table' }: { groups: string[]; query: string; view?: 'table' | 'timeSeries' },
): Widget => ({
  type: 'log',
  width: COLUMNS / 2,
  height: 6,
  properties: {
    title,
    view,
    region: `\${AWS::Region}`,
    query: [...groups.map((group) => `SOURCE '${group}'`), query].join(' | '),
  },
});

/** The states of alarms. CloudWatch shows at most 100 in one widget. */
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
