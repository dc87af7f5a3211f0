export function auditVerdict(status: number | null, output: string): { readonly line: string; readonly code: number };
export function sbomArguments(file: string): string[];
