import type { Finding } from '../domain/submission/events.ts';
import type { Checked, CheckedGate } from './check-bundle.ts';
import { lineOf } from './source-excerpt.ts';

/** What was found as a SARIF 2.1.0 log (OASIS), for editors and code hosts. Paths are relative to the bundle. */
export function toSarif({ files, gates }: Checked, version: string): object {
  const found = gates.flatMap(({ verdict, findings }) =>
    findings.map((finding) => ({ finding, level: verdict === 'flagged' ? 'warning' : 'error' })),
  );
  const rules = [...new Set(found.map(({ finding }) => finding.rule))].toSorted();
  return {
    version: '2.1.0',
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    runs: [
      {
        tool: { driver: { name: 'prism', version, rules: rules.map((id) => ({ id })) } },
        invocations: [{ executionSuccessful: true, toolExecutionNotifications: gates.flatMap(skippedNote) }],
        columnKind: 'unicodeCodePoints',
        results: found.map(({ finding, level }) => ({
          ruleId: finding.rule,
          ruleIndex: rules.indexOf(finding.rule),
          level,
          message: { text: finding.explanation },
          locations: finding.path === null ? [] : [locationOf(finding, finding.path, lineOf(files, finding))],
          ...(finding.excerptHash !== null && { partialFingerprints: { 'excerptHash/v1': finding.excerptHash } }),
        })),
      },
    ],
  };
}

/** What wasn't looked at: neither passed nor found wanting. */
function skippedNote({ gate, reason }: CheckedGate): readonly object[] {
  return reason === null ? [] : [{ level: 'note', message: { text: `The ${gate} gate was skipped: ${reason}.` } }];
}

function locationOf({ line, column }: Finding, path: string, text: string | null): object {
  const artifactLocation = { uri: path.split('/').map(encodeURIComponent).join('/') };
  if (line === null) return { physicalLocation: { artifactLocation } };
  const region = {
    startLine: line,
    ...(column !== null && { startColumn: column }),
    ...(text !== null && { snippet: { text } }),
  };
  return { physicalLocation: { artifactLocation, region } };
}
