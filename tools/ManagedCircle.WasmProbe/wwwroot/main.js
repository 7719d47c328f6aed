import { dotnet } from './_framework/dotnet.js';

const exitCode = await dotnet.run();
console.log(`exit code ${exitCode}`);
