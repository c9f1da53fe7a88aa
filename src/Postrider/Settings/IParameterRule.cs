using Postrider.Storage;
using Postrider.Web;

namespace Postrider.Settings;

/// <summary>Something of another folder is in the way of a parameter's value: the folder that knows implements it.</summary>
internal interface IParameterRule
{
    /// <summary>Within the transaction that would store the value.</summary>
    /// <returns>Null when nothing is.</returns>
    Problem? Against(HubReader reader, string key, string value);
}
